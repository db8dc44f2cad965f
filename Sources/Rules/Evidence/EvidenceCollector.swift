import PromQL
import QueryCore
import Store
import Telemetry
import TraceQL

/// Gathers what a page says of an alert's cause out of the same store: bad events as traces, what they have
/// in common, their access-log lines, since when, what is left of the budget, and who makes whom burn.
/// Every part may fail or run out of time by itself; the rest stays and the failure is told.
package struct EvidenceCollector: Sendable {
    let spans: any SpanStore
    let logs: any LogStore
    let metrics: any MetricStore
    let objectives: @Sendable () -> [ServiceLevelObjective]
    let excludedTimes: ExcludedTimes

    private static let exemplarsMax = 5
    static let linesMax = 5
    private static let lineBytesMax = 400
    /// Traces looked through for the failing hop, and spans of each.
    private static let tracesMax = 25
    static let spansEach = 1_000
    /// Nanoseconds looked back for bad events; a longer time if there are none.
    static let lookbacks: [Int64] = [3_600_000_000_000, 21_600_000_000_000]
    private static let bucketsMax: Int64 = 240
    /// Lengths of buckets, in nanoseconds. They begin at multiples, so that asking again finds the same.
    private static let bucketLengths: [Int64] = [
        1_000_000_000, 5_000_000_000, 15_000_000_000, 90_000_000_000,
    ]

    package init(
        spans: any SpanStore, logs: any LogStore, metrics: any MetricStore,
        objectives: @escaping @Sendable () -> [ServiceLevelObjective],
        excludedTimes: @escaping ExcludedTimes = { _ in [] }
    ) {
        self.spans = spans
        self.logs = logs
        self.metrics = metrics
        self.objectives = objectives
        self.excludedTimes = excludedTimes
    }

    /// One for each subject. Blocks while it reads.
    package func gather(
        _ subjects: [EvidenceSubject], at now: Timestamp, context: QueryContext
    ) -> [AlertEvidence] {
        let objectives = objectives()
        var gathered = subjects.map { subject in
            gather(subject, objective(of: subject, objectives), at: now, context)
        }
        noteCulprits(&gathered, at: now, context)
        return gathered
    }

    private func objective(
        of subject: EvidenceSubject, _ objectives: [ServiceLevelObjective]
    ) -> ServiceLevelObjective? {
        guard let id = subject.labels["sloth_id"] else { return nil }
        return objectives.first { $0.id == id }
    }

    // MARK: One alert

    private func gather(
        _ subject: EvidenceSubject, _ objective: ServiceLevelObjective?, at now: Timestamp,
        _ context: QueryContext
    ) -> AlertEvidence {
        var evidence = AlertEvidence()
        let expressions =
            (objective?.indicatorExpressions ?? []) + (subject.expression.map { [$0] } ?? [])
        let counted = CountedEvents(subject.query, subject.labels)
        let names = ServiceNames.candidates(subject.labels, expressions, counted.matchers)
        attempt("budget", &evidence) { evidence throws(QueryError) in
            if let objective {
                evidence.budget = try budget(of: objective, subject, at: now, context)
            }
        }
        attempt("bad events", &evidence) { evidence throws(QueryError) in
            let queries =
                (counted.spans.map { [$0] } ?? []) + self.queries(names, objective)
            guard let found = try badEvents(queries, at: now, context) else { return }
            describe(found.events, &evidence)
            attempt("failing hop", &evidence) { evidence throws(QueryError) in
                try noteHops(found.events, &evidence, context)
            }
            attempt("log lines", &evidence) { evidence throws(QueryError) in
                evidence.lines = try lines(of: evidence.exemplars, context)
            }
            attempt("change point", &evidence) { evidence throws(QueryError) in
                evidence.change = try change(found, context)
            }
        }
        attempt("log lines", &evidence) { evidence throws(QueryError) in
            if let lines = counted.lines { try noteLines(lines, at: now, &evidence, context) }
        }
        if evidence.badCount == 0, counted.lines == nil, let objective,
            let counters = CounterEvidence(objective, subject.labels, metrics)
        {
            attempt("counters", &evidence) { evidence throws(QueryError) in
                try counters.note(&evidence, at: now, context)
            }
        }
        if evidence.service.isEmpty { evidence.service = names.first ?? "" }
        if evidence.exemplars.isEmpty, evidence.notes.isEmpty {
            evidence.notes.append(
                names.isEmpty
                    ? "no traces: neither labels nor expression name a service"
                    : "no traces of bad events of \(names.prefix(3).joined(separator: ", "))")
        }
        return evidence
    }

    private func attempt(
        _ part: String, _ evidence: inout AlertEvidence,
        _ body: (inout AlertEvidence) throws(QueryError) -> Void
    ) {
        do throws(QueryError) {
            try body(&evidence)
        } catch {
            let reason =
                error.kind == .timeout || error.kind == .canceled
                ? "left out so that the page is not late" : error.message
            evidence.notes.append("\(part): \(reason)")
        }
    }

    /// Bad events with what they were looked for by.
    private struct Found {
        var events: BadEvents
        var queries: EventQueries
        var range: TimeRange
    }

    private func badEvents(
        _ queries: [EventQueries], at now: Timestamp, _ context: QueryContext
    ) throws(QueryError) -> Found? {
        for lookback in Self.lookbacks {
            let range = TimeRange(
                start: now.advanced(byNanoseconds: -lookback),
                end: now.advanced(byNanoseconds: 1))
            for query in queries {
                let events = try BadEvents.find(query.bad, in: range, spans, context)
                if !events.events.isEmpty {
                    return Found(events: events, queries: query, range: range)
                }
            }
        }
        return nil
    }

    private func queries(
        _ names: [String], _ objective: ServiceLevelObjective?
    ) -> [EventQueries] {
        (objective?.eventQueries.map { [$0] } ?? [])
            + names.flatMap { EventQueries.ofService($0, latencyBound: objective?.latencyBound) }
    }

    private func describe(_ found: BadEvents, _ evidence: inout AlertEvidence) {
        evidence.badCount = found.weight
        evidence.service = found.top(\.service)?.name ?? ""
        evidence.exemplars = found.newest(Self.exemplarsMax).map { event in
            AlertEvidence.Exemplar(
                traceID: event.traceID, spanID: event.spanID, service: event.service,
                name: event.route, start: event.start, duration: event.duration)
        }
        evidence.route = found.top(\.route)
        evidence.version = found.top(\.version)
    }

    private func noteHops(
        _ found: BadEvents, _ evidence: inout AlertEvidence, _ context: QueryContext
    ) throws(QueryError) {
        let events = found.newest(Self.tracesMax)
        var hops: [String: Double] = [:]
        var upstreams: [String: Double] = [:]
        var all = 0.0
        let traces = try read { () throws(StoreError) in
            try spans.traces(events.map(\.traceID), spansEach: Self.spansEach)
        }
        for (event, trace) in zip(events, traces) {
            try context.check()
            guard let hop = FailingHop(below: event.spanID, in: trace.spans) else { continue }
            all += event.weight
            hops[hop.text, default: 0] += event.weight
            if !hop.upstream.isEmpty { upstreams[hop.upstream, default: 0] += event.weight }
        }
        evidence.failingHop = Self.top(hops, of: all)
        evidence.upstream = Self.top(upstreams, of: all)
    }

    private static func top(_ weights: [String: Double], of all: Double) -> AlertEvidence.Share? {
        weights.max { $0.value == $1.value ? $0.key > $1.key : $0.value < $1.value }
            .map { AlertEvidence.Share(name: $0.key, share: $0.value / all) }
    }

    private func lines(
        of exemplars: [AlertEvidence.Exemplar], _ context: QueryContext
    ) throws(QueryError) -> [String] {
        var lines: [String] = []
        for exemplar in exemplars where lines.count < Self.linesMax {
            try context.check()
            let predicate = LogPredicate(traceID: exemplar.traceID)
            let minute: Int64 = 60_000_000_000
            let range = TimeRange(
                start: exemplar.start.advanced(byNanoseconds: -minute),
                end: exemplar.start.advanced(byNanoseconds: exemplar.duration)
                    .advanced(byNanoseconds: minute))
            var own: [String] = []
            try read { () throws(StoreError) in
                try logs.scanLogs(predicate, in: range, direction: .newestFirst) { batch, _ in
                    for row in 0..<batch.count where own.count < Self.linesMax {
                        let isOwn = batch.spanIDs[row] == exemplar.spanID
                        let text = Self.cut(LogLine.string(batch, row: row))
                        if isOwn { own.insert(text, at: 0) } else { own.append(text) }
                    }
                    return own.count < Self.linesMax
                }
            }
            // The line of the bad span itself first, one a trace.
            if let line = own.first { lines.append(line) }
        }
        return lines
    }

    static func cut(_ line: String) -> String {
        line.utf8.count <= lineBytesMax
            ? line : String(decoding: line.utf8.prefix(lineBytesMax), as: UTF8.self) + "…"
    }

    private func change(
        _ found: Found, _ context: QueryContext
    ) throws(QueryError) -> AlertEvidence.Change? {
        var start = found.range.start
        // What lies before the oldest bad event that was looked at is unknown.
        if found.events.isCut, let oldest = found.events.events.last { start = oldest.start }
        let span = found.range.end.nanoseconds(since: start)
        let length =
            Self.bucketLengths.first { span / $0 <= Self.bucketsMax } ?? span / Self.bucketsMax
        start = Timestamp(nanoseconds: start.nanoseconds / length * length)
        let count = Int(found.range.end.nanoseconds(since: start) / length) + 1
        func bucket(_ time: Timestamp) -> Int {
            min(count - 1, max(0, Int(time.nanoseconds(since: start) / length)))
        }
        var bad = [Double](repeating: 0, count: count)
        for event in found.events.events where event.start >= start {
            bad[bucket(event.start)] += event.weight
        }
        var all = [Double](repeating: 0, count: count)
        try TraceQLEngine(store: spans).visitRows(
            TraceQLRows(
                found.queries.all, in: TimeRange(start: start, end: found.range.end),
                fields: [.times, .rest], attributeKeys: []), context: context
        ) { batch, rows -> [(Timestamp, Double)] in
            var weights = SamplingWeights()
            return rows.map { (batch.starts[$0], weights.weight(batch, $0)) }
        } visit: { part in
            for (time, weight) in part { all[bucket(time)] += weight }
            return true
        }
        guard let change = ChangePoint(bad: bad, all: all) else { return nil }
        // Within the bucket it is the first bad event that tells when.
        let earliest = start.advanced(byNanoseconds: Int64(change.bucket) * length)
        let first = found.events.events.last { $0.start >= earliest }
        return AlertEvidence.Change(
            at: first?.start ?? earliest, before: change.before, after: change.after)
    }

    private func budget(
        of objective: ServiceLevelObjective, _ subject: EvidenceSubject, at now: Timestamp,
        _ context: QueryContext
    ) throws(QueryError) -> AlertEvidence.Budget? {
        var budget = ErrorBudget(of: objective, over: metrics)
        budget.exclusions = excludedTimes(objective.id)
        let readings = try budget.readings(at: now.milliseconds, context: context)
        let own = readings.filter { reading in
            reading.labels.pairs.allSatisfy { subject.labels[$0.name] == $0.value }
        }
        let worst = (own.isEmpty ? readings : own).filter { $0.errorRatio != nil }
            .max { ($0.errorRatio ?? 0) < ($1.errorRatio ?? 0) }
        guard let worst, let ratio = worst.errorRatio else { return nil }
        return AlertEvidence.Budget(
            remaining: budget.remaining(ratio), exhaustion: worst.exhaustion(of: budget))
    }

    private func noteCulprits(
        _ gathered: inout [AlertEvidence], at now: Timestamp, _ context: QueryContext
    ) {
        let services = Set(gathered.map(\.service)).subtracting([""])
        guard !services.isEmpty else { return }
        let burning: BurningServices
        do throws(QueryError) {
            burning = try BurningServices(
                metrics, at: now.milliseconds, more: services, context: context)
        } catch {
            for index in gathered.indices {
                gathered[index].notes.append("service graph: \(error.message)")
            }
            return
        }
        for index in gathered.indices where !gathered[index].service.isEmpty {
            let group = burning.group(of: gathered[index].service)
            guard group.count > 1 else { continue }
            gathered[index].culprit = group[0]
            gathered[index].together = group
        }
    }

    func read<Value>(
        _ body: () throws(StoreError) -> Value
    ) throws(QueryError) -> Value {
        do throws(StoreError) {
            return try body()
        } catch {
            throw QueryError(error)
        }
    }
}
