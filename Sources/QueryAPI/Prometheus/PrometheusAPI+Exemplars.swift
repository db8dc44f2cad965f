import HTTPServer
import PromQL
import QueryCore
import Store
import Telemetry
import WireFormats

extension PrometheusAPI {
    /// `/api/v1/query_exemplars`: exemplars of the series that any selector of an expression selects.
    func queryExemplars(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = PrometheusParameters(request)
        let range = try parameters.range()
        let expression: Expression
        do throws(QueryError) {
            expression = try PromQLEngine.parse(request.parameters["query"] ?? "")
        } catch {
            throw HTTPError.badRequest(error.message)
        }
        let sets = expression.selectedMatchers
        guard !sets.isEmpty else { return .json(Array(#"{"status":"success"}"#.utf8)) }
        let bytes = try await runner.run { [store] context in
            var found: [Labels: Set<Exemplar>] = [:]
            var count = 0
            for matchers in sets {
                try context.check()
                for series in try store.exemplars(matching: matchers, in: range) {
                    found[series.labels, default: []].formUnion(series.exemplars)
                    count += series.exemplars.count
                    guard count <= Self.exemplarsMax else {
                        throw QueryError.execution(
                            "more than \(Self.exemplarsMax) exemplars; shorten the range or select "
                                + "fewer series")
                    }
                }
            }
            return Self.answer(found)
        }
        return .json(bytes)
    }

    /// Exemplars of one answer, some 200 bytes each.
    private static let exemplarsMax = 100_000

    private static func answer(_ found: [Labels: Set<Exemplar>]) -> [UInt8] {
        PrometheusEnvelope.success { data in
            data.array { list in
                for found in SeriesExemplars.sorted(found) {
                    list.object { series in
                        series.field("seriesLabels", found.labels)
                        series.arrayField("exemplars") { array in
                            for exemplar in found.exemplars {
                                array.object {
                                    $0.field("labels", exemplar.labels)
                                    $0.key("value")
                                    $0.prometheusValue(exemplar.value)
                                    $0.key("timestamp")
                                    $0.prometheusTime(milliseconds: exemplar.time)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

extension Expression {
    /// The conditions of every selector.
    fileprivate var selectedMatchers: [[LabelMatcher]] {
        switch self {
        case .vectorSelector(let node): [node.allMatchers]
        case .rangeSelector(let node): [node.selector.allMatchers]
        default: children.flatMap(\.selectedMatchers)
        }
    }
}
