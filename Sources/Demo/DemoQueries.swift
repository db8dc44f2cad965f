import Foundation

/// What the checks ask the server, by its public APIs only.
package struct DemoQueries: Sendable {
    let client: DemoClient
    let server: String

    /// A line of a trace.
    package struct Line: Decodable, Sendable {
        var time: String
        var line: String
        var spanId: String?
        var labels: [String: String]

        /// Functions have lines too; those of a proxy name who was asked.
        var isAccessLog: Bool { line.contains("\"response_code\":") }
    }

    private struct Traces: Decodable { var data: [DemoTrace] }
    private struct Lines: Decodable {
        var lines: [Line]
        var truncated: Bool
    }
    private struct History: Decodable {
        struct Transition: Decodable {
            var rule: String
            var to: String
        }
        var transitions: [Transition]
    }
    private struct Alerts: Decodable {
        struct Alert: Decodable {
            var labels: [String: String]
            var state: String
        }
        struct Data: Decodable { var alerts: [Alert] }
        var data: Data
    }
    private struct Vector: Decodable {
        struct Sample: Decodable {
            var metric: [String: String]
            var value: Value
        }
        struct Value: Decodable {
            var number: Double
            init(from decoder: any Decoder) throws {
                var pair = try decoder.unkeyedContainer()
                _ = try pair.decode(Double.self)
                number = Double(try pair.decode(String.self)) ?? .nan
            }
        }
        struct Data: Decodable { var result: [Sample] }
        var data: Data
    }

    /// The newest traces that a service took part in, whole.
    package func traces(
        service: String, limit: Int, also filters: [(String, String)] = []
    ) async throws -> [DemoTrace] {
        let parameters = [("service", service), ("limit", String(limit)), ("lookback", "1h")]
        return try await client.read(Traces.self, url("/api/traces", parameters + filters)).data
    }

    /// The lines of a trace.
    /// - Throws: `DemoFailure` too when the server did not give all of them.
    package func lines(trace: String) async throws -> [Line] {
        let answer = try await client.read(
            Lines.self, url("/api/sidelight/logs", [("traceId", trace), ("limit", "5000")]))
        guard !answer.truncated else {
            throw DemoFailure("trace \(trace) has more lines than the server shows")
        }
        return answer.lines
    }

    /// The value of a PromQL expression whose result is one number; `nil` when there is none.
    package func number(_ expression: String) async throws -> Double? {
        try await vector(expression, at: nil).values.first
    }

    /// The values of a PromQL expression by the labels of their series.
    /// - Parameter time: seconds since 1970; `nil` is now.
    package func vector(
        _ expression: String, at time: Double?
    ) async throws -> [[String: String]: Double] {
        let at = time.map { [("time", String($0))] } ?? []
        let vector = try await client.read(
            Vector.self, url("/api/v1/query", [("query", expression)] + at))
        return Dictionary(
            vector.data.result.map { ($0.metric, $0.value.number) },
            uniquingKeysWith: { first, _ in first })
    }

    /// The value of a LogQL expression whose result is one number.
    package func lineNumber(_ expression: String) async throws -> Double? {
        let vector = try await client.read(
            Vector.self, url("/loki/api/v1/query", [("query", expression)]))
        return vector.data.result.first?.value.number
    }

    /// The states that an alert has gone to, oldest first.
    package func transitions(alert: String) async throws -> [String] {
        let history = try await client.read(
            History.self, url("/api/sidelight/alerts/history", [("limit", "500")]))
        return history.transitions.filter { $0.rule == alert }.map(\.to).reversed()
    }

    /// Whether Prometheus's API shows the alert as firing.
    package func isFiring(alert: String) async throws -> Bool {
        let alerts = try await client.read(Alerts.self, url("/api/v1/alerts", [])).data.alerts
        return alerts.contains { $0.labels["alertname"] == alert && $0.state == "firing" }
    }

    /// An address of the server.
    package func url(_ path: String, _ parameters: [(String, String)]) -> String {
        let allowed = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-._~"))
        let pairs = parameters.map { name, value in
            "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")"
        }
        return server + path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }
}
