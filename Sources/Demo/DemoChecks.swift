/// Asserts the whole loop by the public APIs.
package struct DemoChecks: Sendable {
    let demo: Demo
    let findings: DemoFindings
    /// How often the server is killed and started again.
    let kills: Int
    let progress: @Sendable (String) -> Void
    var queries: DemoQueries { demo.queries }

    private static let fireLimit: Duration = .seconds(40)
    private static let resolveLimit: Duration = .seconds(25)
    /// How long counters, spans and lines may take from a proxy to the server.
    static let drainLimit: Duration = .seconds(20)
    private static let pollInterval: Duration = .milliseconds(250)
    /// All traces of a check are fewer.
    static let tracesMax = 5_000

    /// - Parameter progress: told what is going on.
    package init(
        demo: Demo, findings: DemoFindings, kills: Int,
        progress: @escaping @Sendable (String) -> Void
    ) {
        self.demo = demo
        self.findings = findings
        self.kills = kills
        self.progress = progress
    }

    /// - Throws: what keeps it from checking; what is checked and wrong is a finding.
    package func run(server: DemoProcess) async throws {
        progress("traffic runs; the canary fails and the alert should fire")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await demo.load.run() }
            try await alert()
            try await demo.control("/pause")
            demo.load.stop()
            try await group.waitForAll()
        }
        progress("traffic stopped; comparing counters, traces and lines")
        try await counters()
        let traces = try await joinedTrace()
        try await lines(traces)
        try await coldStart()
        progress("killing the server with SIGKILL")
        try await restarts(server)
        try await spanMetrics()
    }

    /// (e)
    private func alert() async throws {
        let name = DemoFiles.alert
        let start = ContinuousClock.now
        let hasFired = try await eventually(DemoChecks.fireLimit) {
            guard demo.webhook.has(name, "firing") else { return false }
            return try await queries.isFiring(alert: name)
        }
        let fired = ContinuousClock.now
        try await demo.control("/rollback")
        progress("the canary is rolled back")
        let isResolved = try await eventually(DemoChecks.resolveLimit) {
            guard demo.webhook.has(name, "resolved") else { return false }
            return try await !queries.isFiring(alert: name)
        }
        let history = try await queries.transitions(alert: name)
        var told = "the webhook received no firing alert"
        if hasFired {
            told = "webhook: firing after \(seconds(fired - start)), "
            let resolved = seconds(ContinuousClock.now - fired)
            told += isResolved ? "resolved \(resolved) after the rollback" : "not resolved"
        }
        told += "; history: \(history.joined(separator: ", "))"
        let evidence = demo.webhook.evidence(of: name)
        findings.add(
            "e", "the page names service, version, failing hop, traces and lines",
            DemoChecks.isConvincing(evidence),
            (evidence["evidence"] ?? "the page had no evidence")
                .split(separator: "\n").joined(separator: " "))
        findings.add(
            "e", "burn-rate alert, windows scaled to 12s and 4s",
            hasFired && isResolved && history.contains("firing") && history.last == "resolved",
            told)
    }

    /// The demo's failures come from the canary of one service, whose traces and lines are there.
    static func isConvincing(_ evidence: [String: String]) -> Bool {
        let traces = evidence["evidence_traces"]?.split(separator: "\n") ?? []
        return (1...5).contains(traces.count) && traces.allSatisfy { $0.contains("/ui/trace/") }
            && evidence["evidence_service"] == "payments"
            && evidence["evidence_version"]?.hasPrefix("v2 ") == true
            && evidence["evidence_failing_hop"]?.hasPrefix("payments v2: ") == true
            && evidence["evidence_route"] != nil && evidence["evidence_logs"] != nil
    }

    /// (b)
    private func counters() async throws {
        let counts = demo.load.counts
        let sent = Double(counts.sent)
        let client = Self.requests(#"reporter="source",source_workload="client""#)
        let gateway = Self.requests(#"reporter="destination",destination_workload="gateway""#)
        let canary = Self.requests(
            #"reporter="source",destination_version="v2",response_code="500""#)
        var seen: (client: Double?, gateway: Double?, canary: Double?) = (nil, nil, nil)
        let isEqual = try await eventually(DemoChecks.drainLimit) {
            seen = (
                try await queries.number(client), try await queries.number(gateway),
                try await queries.number(canary)
            )
            return seen.client == sent && seen.gateway == sent
                && seen.canary ?? 0 == Double(counts.bad)
        }
        var told = "sent \(counts.sent), client \(text(seen.client)), "
        told += "gateway \(text(seen.gateway)), lost \(counts.lost); "
        told += "failed \(counts.bad), by the canary \(text(seen.canary))"
        if let failure = demo.load.lastFailure { told += " (\(failure))" }
        findings.add(
            "b", "request counters equal the requests sent",
            isEqual && counts.lost == 0 && counts.sent > 0, told)
        try await serviceCounters()
        try await functionCounters()
    }

    /// (b) for each service: what its own code counted is what its proxy says.
    private func serviceCounters() async throws {
        var differences: [String] = []
        var own: [String: Int] = [:]
        let isEqual = try await eventually(DemoChecks.drainLimit) {
            own = try await demo.client.read(
                [String: Int].self, "\(demo.topology.controlURL)/counts")
            differences = []
            for workload in demo.topology.workloads where workload.app != nil {
                let counted = try await queries.number(
                    Self.requests(
                        #"reporter="destination",destination_workload="\#(workload.service)","#
                            + #"destination_version="\#(workload.version)""#))
                if Double(own[workload.id] ?? 0) != counted ?? 0 {
                    differences.append("\(workload.id) \(own[workload.id] ?? 0)/\(text(counted))")
                }
            }
            return differences.isEmpty
        }
        findings.add(
            "b", "counters of each service equal its own count", isEqual,
            isEqual
                ? "\(own.count) services, \(own.values.reduce(0, +)) requests"
                : "own/proxy: \(differences.joined(separator: ", "))")
    }

    /// (b) for each function: its invocations are the requests that its caller's proxy sent.
    private func functionCounters() async throws {
        for function in demo.topology.functions {
            var seen: (invoked: Double?, good: Double?) = (nil, nil)
            let isEqual = try await eventually(DemoChecks.drainLimit) {
                seen = (
                    try await queries.number(
                        #"sum(faas_invocations_total{job="\#(function.name)"})"#),
                    try await queries.number(
                        Self.requests(
                            #"reporter="source",destination_service="\#(function.name)","#
                                + #"response_code="200""#))
                )
                return seen.invoked != nil && seen.invoked == seen.good
            }
            findings.add(
                "b", "invocations of \(function.name) equal the good requests to it", isEqual,
                "invoked \(text(seen.invoked)), answered with 200 \(text(seen.good))")
        }
    }

    static func requests(_ matchers: String) -> String {
        "sum(istio_requests_total{\(matchers)})"
    }

    /// (a)
    /// - Returns: all traces of the check.
    private func joinedTrace() async throws -> [DemoTrace] {
        var joined: (id: String, spans: Int, path: [String])?
        var traces: [DemoTrace] = []
        var orphans = 0
        let sent = demo.load.counts.answered
        let isGood = try await eventually(DemoChecks.drainLimit) {
            traces = try await queries.traces(service: "client", limit: DemoChecks.tracesMax)
            let own = traces.count
            traces += try await queries.traces(service: "worker", limit: DemoChecks.tracesMax)
            orphans = traces.reduce(0) { $0 + $1.orphans.count }
            joined = traces.compactMap { self.joined($0) }.max { $0.path.count < $1.path.count }
            return joined != nil && orphans == 0 && own == sent
        }
        var seen = "no such trace"
        if let joined {
            seen = "\(joined.path.joined(separator: " → ")), \(joined.spans) spans, "
            seen += "trace \(joined.id)"
        }
        seen += "; \(traces.count) traces (\(sent) of the client), \(orphans) orphan spans"
        findings.add("a", "client, gateway, services and function in a trace", isGood, seen)
        return traces
    }

    private func joined(_ trace: DemoTrace) -> (id: String, spans: Int, path: [String])? {
        trace.joinedPath(
            functions: Set(demo.topology.functions.map(\.name)), through: demo.topology.services
        ).map { (trace.traceID, trace.spans.count, $0) }
    }

    /// (c) Each line names a span that is there, and there is one for each request that a proxy counted.
    private func lines(_ traces: [DemoTrace]) async throws {
        var (count, lost) = (0, 0)
        var stored: Double?
        var requests: Double?
        let isGood = try await eventually(DemoChecks.drainLimit) {
            count = 0
            lost = 0
            for trace in traces {
                let spans = trace.spanIDs
                let lines = try await queries.lines(trace: trace.traceID).filter(\.isAccessLog)
                count += lines.count
                lost += lines.filter { !spans.contains($0.spanId ?? "") }.count
            }
            stored = try await queries.lineNumber(
                #"sum(count_over_time({service_namespace="\#(DemoTopology.namespace)"}[1h]))"#)
            requests = try await queries.number("sum(istio_requests_total)")
            return count > 0 && lost == 0 && stored == Double(count) && requests == stored
        }
        findings.add(
            "c", "each access-log line finds its span", isGood,
            "\(text(stored)) lines for \(text(requests)) proxied requests, "
                + "\(count) found by trace, \(lost) without span")
    }

    /// (d)
    private func coldStart() async throws {
        for function in demo.topology.functions {
            let traces = try await queries.traces(
                service: function.name, limit: 20, also: [("operation", "init")])
            let found = traces.first { $0.hasColdStart(of: function.name) }
            findings.add(
                "d", "cold start of \(function.name) in its cause's trace", found != nil,
                found.map { "trace \($0.traceID)" }
                    ?? "\(traces.count) traces have a cold start, none below a request")
        }
    }

    /// Polls until `condition` holds.
    /// - Returns: false after `limit`.
    func eventually(
        _ limit: Duration, _ condition: () async throws -> Bool
    ) async throws -> Bool {
        let deadline = ContinuousClock.now.advanced(by: limit)
        while true {
            if try await condition() { return true }
            guard ContinuousClock.now < deadline else { return false }
            try await Task.sleep(for: DemoChecks.pollInterval)
        }
    }

    func seconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return "\(seconds).\(attoseconds / 100_000_000_000_000_000) s"
    }

    func text(_ number: Double?) -> String {
        number.flatMap { Int(exactly: $0) }.map(String.init) ?? "none"
    }
}
