import LogQL
import Platform
import QueryCore
import Store
import Synchronization
import Telemetry
import TraceQL

/// Counts the events of objectives and keeps the counts as series: first all that the store still has, then
/// what comes in. Spans and lines that arrive late are counted as long as their buckets are looked at again.
///
/// A span counts as often as its sampling weight says. Counts of one bucket are written again when they
/// change; the last written wins.
package final class EventLedger: Sendable {
    private struct Progress {
        /// Events are counted from here on and until there, in milliseconds.
        var from: Int64
        var through: Int64
        /// When late events were last looked for.
        var settledAt: Int64
    }

    /// How late events may arrive, in milliseconds.
    static let lateness: Int64 = 600_000
    /// How often those are looked for.
    private static let settleEvery: Int64 = 60_000
    /// Looked at with every count: what is on its way.
    private static let recent: Int64 = 60_000
    /// Buckets that are counted at once when history is.
    private static let bucketsAtOnce: Int64 = 5_760

    private let spans: any SpanStore
    private let logs: any LogStore
    private let metrics: any MetricStore
    private let limits: QueryLimits
    private let appendTimeout: Int64
    private let state = Mutex(State())

    private struct State {
        var progress: [EventSource: Progress] = [:]
        /// Sources that another evaluation counts right now.
        var busy: Set<EventSource> = []
    }

    package init(
        spans: any SpanStore, logs: any LogStore, metrics: any MetricStore,
        limits: QueryLimits = QueryLimits(), appendTimeout: Int64 = 30_000_000_000
    ) {
        self.spans = spans
        self.logs = logs
        self.metrics = metrics
        self.limits = limits
        self.appendTimeout = appendTimeout
    }

    /// Counts the events of a source up to `now`; the first time all of the `period` before it that were not
    /// counted by an earlier run.
    /// - Parameters:
    ///   - now: milliseconds since the epoch.
    ///   - period: milliseconds.
    package func update(_ source: EventSource, at now: Int64, period: Int64) throws(RuleFailure) {
        let known = state.withLock { state -> Progress?? in
            guard state.busy.insert(source).inserted else { return nil }
            return .some(state.progress[source])
        }
        guard let known else { return }
        defer { state.withLock { _ = $0.busy.remove(source) } }
        var progress: Progress
        if let known { progress = known } else { progress = try restored(source, now, period) }
        // After the clock was set back counting does not wait until it has caught up.
        if now < progress.through - Self.recent {
            progress.through = now - 1
            progress.settledAt = min(progress.settledAt, now)
        }
        guard now > progress.through else { return }
        var start = progress.through - Self.recent
        if now - progress.settledAt >= Self.settleEvery {
            start = progress.settledAt - Self.lateness
            progress.settledAt = now
        }
        start = max(progress.from, EventSource.start(of: start))
        try count(source, from: start, to: now, progress.from)
        progress.through = now
        state.withLock { [progress] in $0.progress[source] = progress }
    }

    /// From when on the events of a source are counted, in milliseconds; `nil` before the first count.
    package func countedFrom(_ source: EventSource) -> Int64? {
        state.withLock { $0.progress[source]?.from }
    }

    // MARK: Progress

    /// Where an earlier run has left off; else the beginning of the period.
    private func restored(
        _ source: EventSource, _ now: Int64, _ period: Int64
    ) throws(RuleFailure) -> Progress {
        let beginning = EventSource.start(of: max(0, now - period))
        var known = Progress(from: beginning, through: beginning, settledAt: beginning)
        do throws(StoreError) {
            let matchers = source.labels(EventSource.progressMetric).pairs.map {
                LabelMatcher($0.name, .equal, $0.value)
            }
            guard beginning < now else { return known }
            let found = try metrics.selectSeries(matchers, in: beginning...now)
            var columns = SampleColumns()
            for index in 0..<found.count {
                try found.samples(index, into: &columns)
                guard let time = columns.times.last, let value = columns.values.last,
                    let from = Int64(exactly: (value * 1_000).rounded()), time > known.through
                else { continue }
                known = Progress(from: from, through: time, settledAt: time)
            }
        } catch {
            throw RuleFailure(reason: "cannot read how far events are counted: \(error)")
        }
        return known
    }

    // MARK: Counting

    private func count(
        _ source: EventSource, from start: Int64, to end: Int64, _ beginning: Int64
    ) throws(RuleFailure) {
        var start = start
        while start <= end {
            let next = min(start + Self.bucketsAtOnce * EventSource.bucket, end + 1)
            let counts: EventTable
            do throws(QueryError) {
                counts =
                    switch source.language {
                    case .traceQL: try spanCounts(source, from: start, before: next)
                    case .logQL: try lineCounts(source, from: start, before: next)
                    }
            } catch {
                throw RuleFailure(reason: "cannot count events: \(error.message)")
            }
            var batch = MetricBatch()
            for (group, buckets) in counts.groups {
                let labels = source.labels(EventSource.metric, group: group)
                let series = batch.append(labels)
                for (time, count) in buckets.sorted(by: { $0.key < $1.key }) where count > 0 {
                    // Just behind the start, so that a window that begins there holds the whole bucket.
                    batch.append(series: series, time: time + 1, value: count)
                }
            }
            let progress = batch.append(source.labels(EventSource.progressMetric))
            batch.append(
                series: progress, time: min(next - 1, end), value: Double(beginning) / 1_000)
            try metrics.appendDurably(batch, timeout: appendTimeout)
            start = next
        }
    }

    /// Weighted spans by group and the start of their bucket.
    private func spanCounts(
        _ source: EventSource, from start: Int64, before end: Int64
    ) throws(QueryError) -> EventTable {
        let range = TimeRange(
            start: Timestamp(milliseconds: start), end: Timestamp(milliseconds: end))
        let keys = source.groupedBy.map { GroupKey($0) }
        var counts = EventTable()
        try TraceQLEngine(store: spans).visitRows(
            TraceQLRows(
                source.query, in: range,
                fields: keys.isEmpty ? [.times, .rest] : [.times, .rest, .core, .attributes],
                attributeKeys: Set(keys.map(\.attribute))),
            context: QueryContext(limits: limits)
        ) { batch, rows -> EventTable in
            var weights = SamplingWeights()
            var part = EventTable()
            for row in rows {
                let bucket = EventSource.start(of: batch.starts[row].milliseconds)
                part.add(
                    weights.weight(batch, row), to: keys.map { $0.value(batch, row) }, at: bucket)
            }
            return part
        } visit: { part in
            counts.merge(part)
            return true
        }
        return counts
    }

    /// Lines by group and the start of their bucket.
    private func lineCounts(
        _ source: EventSource, from start: Int64, before end: Int64
    ) throws(QueryError) -> EventTable {
        // Windows are open on the left: shifted by a millisecond they begin where buckets do.
        let first = EventSource.start(of: start) + EventSource.bucket - 1
        let last = max(first, EventSource.start(of: end - 1) + EventSource.bucket - 1)
        let length = "\(EventSource.bucket)ms"
        let names = source.labelNames
        let by = names.isEmpty ? "" : " by (\(names.joined(separator: ", ")))"
        let result = try LogQLEngine(store: logs).range(
            "sum\(by) (count_over_time(\(source.query) [\(length)]))", start: first, end: last,
            step: EventSource.bucket, context: QueryContext(limits: limits))
        var counts = EventTable()
        guard case .matrix(let steps, let series) = result.value else { return counts }
        for entry in series {
            let group = names.map { entry.labels[$0] ?? "" }
            for step in entry.values.indices where StepValue.isPresent(entry.values[step]) {
                counts.add(
                    entry.values[step], to: group, at: EventSource.start(of: steps.time(step)))
            }
        }
        return counts
    }
}
