import Logging
import Platform
import QueryCore
import Store
import Synchronization
import Telemetry

/// Looks at the spans of the last minute once a minute and writes what the doctor finds as metrics, so
/// that rules can alert on broken traces.
package final class DoctorLoop: Sendable {
    private let spans: any SpanStore
    private let metrics: any MetricStore
    private let clock: any Clock
    private let events: EventLog
    private let isStopping = Atomic(false)
    private let wake = WakeUp()
    private let thread = WorkerThread(name: "doctor", capacity: 1)

    private static let intervalNanoseconds: Int64 = 60_000_000_000
    /// Spans held for one look, some 100 ms of CPU; beyond it a sample of the traces is judged.
    package static let usualSpansMax = 200_000
    private let spansMax: Int
    /// Edges and losses that become series.
    private static let seriesMax = 500

    package init(
        spans: any SpanStore, metrics: any MetricStore, clock: any Clock, events: EventLog,
        spansMax: Int = DoctorLoop.usualSpansMax
    ) {
        self.spansMax = spansMax
        self.spans = spans
        self.metrics = metrics
        self.clock = clock
        self.events = events
    }

    package func start() {
        let isStarted = thread.submit { [self] in
            while !isStopping.load(ordering: .acquiring) {
                wake.wait(nanoseconds: Self.intervalNanoseconds)
                if !isStopping.load(ordering: .acquiring) { look() }
            }
        }
        precondition(isStarted, "BUG: started twice")
    }

    package func stop() {
        isStopping.store(true, ordering: .releasing)
        wake.signal()
        thread.stop()
    }

    /// Judges the minute that ended a little ago and writes what it found.
    package func look() {
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let end = now.advanced(byNanoseconds: -DoctorAPI.settleNanoseconds)
        let range = TimeRange(
            start: end.advanced(byNanoseconds: -Self.intervalNanoseconds), end: end)
        let context = QueryContext(limits: QueryLimits()) { [clock] in clock.monotonicNanoseconds }
        do {
            let found = try TraceDoctor(
                spans, in: range, spansMax: spansMax, context: context)
            let batch = Self.samples(found, time: now.milliseconds)
            guard !batch.isEmpty else { return }
            metrics.append(metrics: batch, digest: nil) { [events] result in
                if case .failure(let error) = result {
                    events.emit(DoctorFailed(reason: "\(error)"))
                }
            }
        } catch {
            events.emit(DoctorFailed(reason: "\(error)"))
        }
    }

    /// Gauges over the minute: spans with a missing parent and their share by edge, calls without the
    /// context of their request by service, route and call; of much traffic what a sample stands for.
    static func samples(_ found: TraceDoctor, time: Int64) -> MetricBatch {
        var batch = MetricBatch()
        func add(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
            let series = batch.append(Labels([(name: Labels.metricName, value: name)] + labels))
            batch.append(series: series, time: time, value: value)
        }
        for edge in found.edges.prefix(seriesMax) {
            let labels = [
                (name: "client", value: edge.client), (name: "server", value: edge.server),
            ]
            add("traces_orphan_spans", labels, edge.orphans)
            add("traces_orphan_ratio", labels, edge.orphanRate)
        }
        for loss in found.lost.prefix(seriesMax) {
            add(
                "traces_lost_context_calls",
                [
                    (name: "outbound", value: loss.outbound), (name: "route", value: loss.route),
                    (name: "service", value: loss.service),
                ], (loss.lost * found.lossWeight).rounded())
        }
        guard !batch.sampleTimes.isEmpty else { return batch }
        for (family, help) in [
            ("traces_orphan_spans", "Spans of the last minute whose parent is missing."),
            ("traces_orphan_ratio", "Share of calls of the last minute whose parent is missing."),
            (
                "traces_lost_context_calls",
                "Calls of the last minute without the context of the request they were made in."
            ),
        ] {
            batch.metadata.append(MetricMetadata(family: family, type: .gauge, help: help))
        }
        return batch
    }
}

/// A look at the traces of the last minute failed; the next one comes.
struct DoctorFailed: InternalEvent {
    static let counter = "sidelight_doctor_failures_total"
    static let help = "Times that traces could not be checked for breaks."
    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "traces could not be checked for breaks: \(reason)" }
}
