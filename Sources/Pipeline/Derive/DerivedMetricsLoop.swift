import Logging
import Platform
import Store
import Synchronization
import Telemetry

/// Writes the totals derived from spans into the metrics at a fixed interval, and once more at the end.
///
/// A write that is refused loses a point of the curve, no count: the next one carries the same totals on.
/// The same holds for a crash between two writes.
package final class DerivedMetricsLoop: Sendable {
    private let deriver: SpanDeriver
    private let metrics: any MetricStore
    private let clock: any Clock
    private let events: EventLog
    private let writes: DerivedWrites
    private let samples: Mutex<DerivedSamples>

    package init(
        _ deriver: SpanDeriver, metrics: any MetricStore, clock: any Clock, events: EventLog,
        intervalNanoseconds: Int64
    ) {
        self.deriver = deriver
        self.metrics = metrics
        self.clock = clock
        self.events = events
        writes = DerivedWrites(name: "derive", intervalNanoseconds: intervalNanoseconds)
        samples = Mutex(DerivedSamples(naming: deriver.naming))
    }

    package func start() { writes.start { [self] in write(then: $0) } }

    /// Writes what was counted since the last time; nothing is written afterwards.
    package func stop() { writes.stop { [self] in write(then: $0) } }

    /// Writes the totals as they are now.
    package func write(then completion: @escaping @Sendable () -> Void = {}) {
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let exemplars = samples.withLock { $0.takesExemplars(at: now) }
        let state = deriver.take(at: now, exemplars: exemplars)
        let (batch, begun) = samples.withLock { $0.batch(of: state, at: now) }
        guard batch.sampleCount > 0 else { return completion() }
        metrics.append(metrics: batch, digest: nil) { [self] result in
            switch result {
            case .success:
                deriver.noteBegun(begun)
                samples.withLock { $0.noteStored() }
                events.emit(DerivedSamplesWritten(increment: UInt64(batch.sampleCount)))
            case .failure(let error):
                events.emit(DerivedSamplesRefused(reason: "\(error)"))
            }
            completion()
        }
    }
}

/// Samples derived from spans were stored.
struct DerivedSamplesWritten: InternalEvent {
    static let counter = "sidelight_derived_samples_total"
    static let help = "Samples of span metrics and of the service graph stored."
    var increment: UInt64
}

/// Samples derived from spans were not stored. Their totals go into the next ones.
struct DerivedSamplesRefused: InternalEvent {
    static let counter = "sidelight_derived_writes_refused_total"
    static let help = "Times that span metrics could not be stored; the next ones carry them on."
    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "span metrics could not be stored, the next ones will be: \(reason)" }
}
