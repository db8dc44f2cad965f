extension DemoChecks {
    /// (g) What was derived from spans counts each stored span once, over all kills and retries.
    func spanMetrics() async throws {
        var stored: [String: Int] = [:]
        var counted: [String: Int] = [:]
        var resets: Double?
        let isEqual = try await eventually(DemoChecks.drainLimit) {
            counted = try await countedSpans()
            stored = try await storedSpans(of: Array(counted.keys))
            resets = try await queries.number(
                "sum(resets(traces_spanmetrics_calls_total[1h]))")
            return !counted.isEmpty && counted == stored && resets == 0
        }
        let requests = try await queries.number("sum(traces_service_graph_request_total)")
        let different = counted.keys.sorted().filter { counted[$0] != stored[$0] }
        findings.add(
            "g", "span metrics count each stored span once", isEqual,
            different.isEmpty
                ? "\(counted.values.reduce(0, +)) spans of \(counted.count) services, "
                    + "\(text(requests)) requests between them, \(text(resets)) resets"
                : "counted/stored: "
                    + different.map { "\($0) \(counted[$0] ?? 0)/\(stored[$0] ?? 0)" }
                    .joined(separator: ", "))
    }

    private func countedSpans() async throws -> [String: Int] {
        let calls = try await queries.vector(
            "sum by (service) (traces_spanmetrics_calls_total)", at: nil)
        return Dictionary(
            calls.map { ($0.key["service"] ?? "", Int(exactly: $0.value) ?? -1) },
            uniquingKeysWith: { first, _ in first })
    }

    private func storedSpans(of services: [String]) async throws -> [String: Int] {
        var stored: [String: Int] = [:]
        for service in services {
            let traces = try await queries.traces(service: service, limit: Self.tracesMax)
            stored[service] = traces.reduce(0) { count, trace in
                count + trace.spans.count { trace.service(of: $0) == service }
            }
        }
        return stored
    }
}
