import Glibc
import Platform

extension DemoChecks {
    /// What must outlive the server.
    private struct Kept {
        /// Trace and span ids.
        var spans: Set<String> = []
        /// How often each line is there, by its trace, span and time.
        var lines: [String: Int] = [:]
        /// Samples of each series up to a moment, and the values at that moment.
        var samples: [[String: String]: Double] = [:]
        var values: [[String: String]: Double] = [:]
        var transitions: [String] = []

        var isComplete: Bool {
            !spans.isEmpty && !lines.isEmpty && !values.isEmpty && !samples.isEmpty
                && transitions.contains("firing") && transitions.contains("resolved")
        }
    }

    /// A second more than the demo's export interval: what was measured before has been sent.
    private static let settled: Double = 3
    private static let roundRequests = 12

    /// (f) once for `kills`; from the second time on in the middle of traffic.
    func restarts(_ server: DemoProcess) async throws {
        var server = server
        var failures: [String] = []
        var told = ""
        for round in 1...kills {
            let moment = wallSeconds - Self.settled
            let before = try await kept(at: moment)
            guard before.isComplete else {
                failures.append("nothing to compare: \(summary(before))")
                break
            }
            server = try await killAndRestart(server, round: round)
            let lost = missing(before, try await kept(at: moment))
            if !lost.isEmpty { failures.append("kill \(round): \(lost.joined(separator: ", "))") }
            told = summary(before)
            progress("kill \(round) of \(kills): \(lost.isEmpty ? "all is there" : "\(lost)")")
        }
        let what = kills == 1 ? "a kill -9" : "each of \(kills) kill -9 in a row"
        findings.add(
            "f", "all is there after \(what)", failures.isEmpty,
            failures.isEmpty ? told : "lost: \(failures.joined(separator: "; "))")
    }

    private func killAndRestart(_ server: DemoProcess, round: Int) async throws -> DemoProcess {
        guard round > 1 else {
            await kill(server)
            return try await demo.startServer(name: "serve-again-\(round)")
        }
        try await demo.control("/resume")
        let restarted = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await demo.load.run() }
            let goal = demo.load.counts.sent + Self.roundRequests
            _ = try await eventually(Self.drainLimit) { demo.load.counts.sent >= goal }
            await kill(server)
            let restarted = try await demo.startServer(name: "serve-again-\(round)")
            demo.load.stop()
            try await demo.control("/pause")
            try await group.waitForAll()
            return restarted
        }
        return restarted
    }

    private func kill(_ server: DemoProcess) async {
        server.end(SIGKILL)
        await server.ended(within: .seconds(5))
    }

    private func missing(_ before: Kept, _ after: Kept) -> [String] {
        var missing: [String] = []
        let spans = before.spans.subtracting(after.spans).count
        if spans > 0 { missing.append("\(spans) of \(before.spans.count) spans") }
        let lines = before.lines.filter { after.lines[$0.key] != $0.value }.count
        if lines > 0 { missing.append("\(lines) of \(before.lines.count) lines") }
        let series = before.values.filter { after.values[$0.key] != $0.value }.count
        if series > 0 { missing.append("\(series) of \(before.values.count) counters") }
        let samples = before.samples.filter { after.samples[$0.key] ?? 0 < $0.value }.count
        if samples > 0 { missing.append("samples of \(samples) counters") }
        if !after.transitions.starts(with: before.transitions) {
            missing.append("alert history \(before.transitions) then \(after.transitions)")
        }
        return missing
    }

    private func summary(_ kept: Kept) -> String {
        let samples = kept.samples.values.reduce(0, +)
        return "\(kept.spans.count) spans, \(kept.lines.values.reduce(0, +)) lines, "
            + "\(kept.values.count) counters with \(text(samples)) samples, "
            + "\(kept.transitions.count) alert transitions"
    }

    private func kept(at moment: Double) async throws -> Kept {
        var kept = Kept()
        for service in ["client", "worker"] {
            for trace in try await queries.traces(service: service, limit: Self.tracesMax) {
                for span in trace.spans { kept.spans.insert("\(trace.traceID) \(span.spanID)") }
                for line in try await queries.lines(trace: trace.traceID) {
                    let key = "\(trace.traceID) \(line.spanId ?? "-") \(line.time)"
                    kept.lines[key, default: 0] += 1
                }
            }
        }
        let counters = #"{__name__=~"istio_requests_total|faas_invocations_total"}"#
        kept.values = try await queries.vector(counters, at: moment)
        kept.samples = try await queries.vector("count_over_time(\(counters)[1h])", at: moment)
        kept.transitions = try await queries.transitions(alert: DemoFiles.alert)
        return kept
    }

    private var wallSeconds: Double { Double(SystemClock().wallNanoseconds) / 1e9 }
}
