import Store
import Telemetry

/// What policies would keep of stored traces.
///
/// Traces are judged as when a store thins them; budgets of rates are given out by minutes. What was
/// thinned before counts as much as it stands for.
package struct SamplingBacktest: Sendable {
    /// How many, weighed by what each stands for.
    package struct Tally: Sendable, Hashable, Codable {
        package var traces = 0.0
        package var spans = 0.0
        /// As OTLP protobuf.
        package var bytes = 0.0

        package init() {}

        mutating func add(_ trace: JudgedTrace, times count: Double) {
            traces += count
            spans += Double(trace.spans) * count
            bytes += Double(trace.bytes) * count
        }
    }

    /// What there was and what stays of it.
    package struct Outcome: Sendable, Hashable, Codable {
        package var all = Tally()
        package var kept = Tally()

        package init() {}

        mutating func add(_ trace: JudgedTrace, isKept: Bool) {
            all.add(trace, times: trace.count)
            // A trace that was thinned before stands for others that are not there to be kept.
            if isKept { kept.add(trace, times: 1) }
        }
    }

    /// What is held of a trace until all have been read.
    struct JudgedTrace: Sendable {
        var id: TraceID
        var start: Timestamp
        var spans: Int
        var bytes: UInt64
        var count: Double
        var isError: Bool
        var isSlow: Bool
        /// Number of the service of the first span.
        var service: Int
        var claims: SamplingClaims
    }

    package struct Report: Sendable {
        package var total = Outcome()
        package var errors = Outcome()
        package var slow = Outcome()
        /// By the policy that decides, in the order of asking; only those that decide anything.
        package var policies: [(name: String, outcome: Outcome)] = []
        /// By the service of the trace's first span.
        package var services: [(name: String, outcome: Outcome)] = []
        /// Nanoseconds: what counts as slow.
        package var slowerThan: Int64 = 0
        /// Whether there were more traces than are looked at; the newest were.
        package var isPartial = false
    }

    /// Held at once, some 150 bytes each.
    package static let tracesMax = 2_000_000
    /// Spans of one trace that are looked at.
    private static let traceSpansMax = 50_000
    private static let minute: Int64 = 60_000_000_000

    let policies: SamplingPolicies
    private var traces: [JudgedTrace] = []
    private var services: [String] = []
    private var serviceNumbers: [String: Int] = [:]

    package init(_ policies: SamplingPolicies) { self.policies = policies }

    /// Judges the traces with a span that starts in `range`; blocks.
    /// - Parameter check: called now and then; false ends it, and the report is partial.
    package mutating func run(
        over store: any SpanStore, in range: TimeRange, check: () -> Bool
    ) throws(StoreError) -> Report {
        var isPartial = false
        let scan = SpanScan(in: range, unit: .traces(spansEach: Self.traceSpansMax))
        let (policies, limit) = (policies, slowerThan)
        try store.scanSpans(scan) { found in
            Self.judge(found, policies, slowerThan: limit)
        } visit: { part, _ in
            for (service, trace) in part {
                var trace = trace
                trace.service = number(of: service)
                traces.append(trace)
            }
            isPartial = traces.count >= Self.tracesMax || !check()
            return !isPartial
        }
        var report = report()
        report.isPartial = isPartial
        return report
    }

    /// Slow is what the file says, or a second.
    private var slowerThan: Int64 { policies.keepsSlowerThan ?? 1_000_000_000 }

    private mutating func number(of service: String) -> Int {
        if let known = serviceNumbers[service] { return known }
        services.append(service)
        serviceNumbers[service] = services.count - 1
        return services.count - 1
    }

    private static func judge(
        _ found: FoundSpans, _ policies: SamplingPolicies, slowerThan: Int64
    ) -> [(service: String, trace: JudgedTrace)] {
        let batch = found.rows.count == found.batch.count ? found.batch : found.batch(.all)
        let sizes = SpanSizes(batch)
        var judged: [(service: String, trace: JudgedTrace)] = []
        var begin = 0
        for row in 0..<batch.count {
            let next = row + 1
            if next < batch.count, batch.traceIDs[next] == batch.traceIDs[row] { continue }
            let trace = WholeTrace(batch, rows: begin..<next)
            let facts = TraceFacts(trace)
            judged.append(
                (
                    batch.resource(at: batch.resourceIndices[begin]).serviceName,
                    JudgedTrace(
                        id: batch.traceIDs[begin], start: batch.starts[begin],
                        spans: trace.rows.count,
                        bytes: trace.rows.reduce(0) { $0 + sizes.bytes(of: $1) },
                        count: trace.adjustedCount, isError: facts.statuses.contains(.error),
                        isSlow: facts.duration > slowerThan, service: 0,
                        claims: policies.claims(of: facts))
                ))
            begin = next
        }
        return judged
    }

    private func report() -> Report {
        var report = Report()
        report.slowerThan = slowerThan
        var byService = [Outcome](repeating: Outcome(), count: services.count)
        var byPolicy: [String: Outcome] = [:]
        let minutes = Dictionary(grouping: traces.indices) {
            traces[$0].start.nanoseconds / Self.minute
        }
        for places in minutes.values {
            let verdicts = policies.resolve(places.map { traces[$0].claims }, seconds: 60)
            for (place, verdict) in zip(places, verdicts) {
                let trace = traces[place]
                let isKept = verdict.keeps(trace.id)
                report.total.add(trace, isKept: isKept)
                if trace.isError { report.errors.add(trace, isKept: isKept) }
                if trace.isSlow { report.slow.add(trace, isKept: isKept) }
                byService[trace.service].add(trace, isKept: isKept)
                byPolicy[verdict.policy, default: Outcome()].add(trace, isKept: isKept)
            }
        }
        report.policies = policies.names.compactMap { name in
            byPolicy[name].map { (name: name, outcome: $0) }
        }
        report.services = services.indices.map { (name: services[$0], outcome: byService[$0]) }
            .sorted {
                $0.outcome.all.bytes != $1.outcome.all.bytes
                    ? $0.outcome.all.bytes > $1.outcome.all.bytes : $0.name < $1.name
            }
        return report
    }
}
