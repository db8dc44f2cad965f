import Foundation
import PromQL
import Rules
import Store
import Telemetry

/// Holds rules against the series of a running server: selectors that find none, and rules that read or
/// write very many.
struct RuleServerCheck {
    /// More results of a recording rule are hardly meant: each is stored with every evaluation.
    static let recordedMax = 1_000.0
    /// More series read by one selector take long with every evaluation.
    static let readMax = 100_000.0

    let client: QueryClient
    /// Names that rules of the files record: they need not be there yet.
    let recorded: Set<String>

    /// One line a doubt.
    func doubts(about file: RuleFile) async throws -> [String] {
        var doubts: [String] = []
        for rule in file.groups.flatMap(\.rules) {
            guard let expression = rule.query.promQL else { continue }
            let place = "\(file.path):\(rule.query.line): \(rule.name)"
            for selector in Self.selectors(of: expression) where !isRecorded(selector) {
                let text = PromQL.Expression.vectorSelector(selector).description
                let count = try await count(text)
                if count == 0 { doubts.append("\(place): \(text) selects no series") }
                if count > Self.readMax {
                    doubts.append(
                        "\(place): \(text) reads \(Int(count)) series with every evaluation")
                }
            }
            guard case .recording = rule else { continue }
            let count = try await count(expression.description)
            if count > Self.recordedMax {
                doubts.append("\(place): stores \(Int(count)) series with every evaluation")
            }
        }
        return doubts
    }

    /// All but those that are asked whether they are absent.
    private static func selectors(of expression: PromQL.Expression) -> [VectorSelector] {
        switch expression {
        case .vectorSelector(let selector): return [selector]
        case .rangeSelector(let node): return [node.selector]
        case .call(let call) where call.function.rawValue.hasPrefix("absent"): return []
        default: return expression.children.flatMap(selectors)
        }
    }

    private func isRecorded(_ selector: VectorSelector) -> Bool {
        let name =
            selector.name
            ?? selector.matchers.first {
                $0.name == Labels.metricName && $0.operator == .equal
            }?.value
        return name.map(recorded.contains) ?? false
    }

    private struct Answer: Decodable {
        struct Content: Decodable {
            struct Element: Decodable {
                var value: [Value]
            }
            var result: [Element]
        }
        var data: Content
    }

    /// A sample is a time and a text.
    private enum Value: Decodable {
        case time
        case text(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            do {
                self = .text(try container.decode(String.self))
            } catch {
                _ = try container.decode(Double.self)
                self = .time
            }
        }
    }

    private func count(_ expression: String) async throws -> Double {
        let query = QueryClient.encoded([("query", "count(\(expression))")])
        let bytes = try await client.get("/api/v1/query?\(query)")
        let answer = try JSONDecoder().decode(Answer.self, from: Data(bytes))
        guard case .text(let text)? = answer.data.result.first?.value.last else { return 0 }
        return Double(text) ?? 0
    }
}
