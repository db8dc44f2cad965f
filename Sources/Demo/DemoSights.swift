/// What is worth a look in the UI: concrete traces of the running shop.
package struct DemoSights: Sendable {
    private let queries: DemoQueries
    private let topology: DemoTopology

    /// A line of the list.
    package struct Sight: Sendable {
        package var what: String
        package var link: String
        package var why: String
    }

    package init(demo: Demo) {
        queries = demo.queries
        topology = demo.topology
    }

    /// Pages that show something from the start.
    package var pages: [Sight] {
        let version =
            #"sum by (destination_version) (rate(istio_requests_total{"#
            + #"reporter="source",destination_service="payments",response_code=~"5.."}[10s]))"#
        return [
            Sight(
                what: "errors by version",
                link: queries.url(
                    "/ui/metrics", [("expr", version), ("from", "now-5m"), ("refresh", "5")]),
                why: "only v2 of payments fails"),
            Sight(
                what: "the alert", link: queries.url("/ui/alerts", []),
                why: "\(DemoFiles.alert), windows scaled: 12s for 1h, 4s for 5m"),
            Sight(
                what: "access log",
                link: queries.url(
                    "/ui/logs",
                    [
                        ("query", #"{service_name="payments"} | json | response_code >= 500"#),
                        ("from", "now-5m"),
                    ]),
                why: "failed payments; each line leads to its trace"),
        ]
    }

    /// Traces, as far as they have arrived.
    package func traces() async throws -> [Sight] {
        let wanted: [(String, String, [(String, String)], String)] = [
            (
                "a slow answer", "recommendations", [("minDuration", "500ms")],
                "recommendations took most of a second"
            ),
            (
                "the failing canary", "payments", [("tags", #"{"error":"true"}"#)],
                "payments v2 answered 500"
            ),
            (
                "retries", "inventory", [("tags", #"{"error":"true"}"#)],
                "inventory answered 503, the proxy tried again"
            ),
            (
                "a cold start", topology.discount.name, [("operation", "init")],
                "the function's start is part of the request"
            ),
        ]
        var sights: [Sight] = []
        for (what, service, filters, why) in wanted {
            let found = try await queries.traces(service: service, limit: 1, also: filters)
            if let trace = found.first { sights.append(sight(what, trace, why)) }
        }
        let jobs = try await queries.traces(service: "worker", limit: 20)
        if let long = jobs.max(by: { $0.spans.count < $1.spans.count }), long.spans.count > 100 {
            sights.append(
                sight("a long trace", long, "the worker's stocktake, \(long.spans.count) spans"))
        }
        return sights
    }

    /// How many `traces` finds when all have arrived.
    package static let tracesWanted = 5

    private func sight(_ what: String, _ trace: DemoTrace, _ why: String) -> Sight {
        Sight(what: what, link: queries.url("/ui/trace/\(trace.traceID)", []), why: why)
    }

    /// In columns; the address stands last, so that terminals make a whole link of it.
    package static func table(_ sights: [Sight]) -> String {
        let first = sights.map(\.what.count).max() ?? 0
        return sights.map { sight in
            let gap = String(repeating: " ", count: first - sight.what.count)
            let indent = String(repeating: " ", count: first + 4)
            return "  \(sight.what)\(gap)  \(sight.why)\n\(indent)\(sight.link)\n"
        }.joined()
    }
}
