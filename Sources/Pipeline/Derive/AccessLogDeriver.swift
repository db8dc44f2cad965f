import Logging
import Platform
import Store
import Synchronization
import Telemetry

/// Request metrics from access logs, for services whose proxies export none: every stored row counts once,
/// over crashes and over retries of clients too.
package final class AccessLogDeriver: LogDerivation {
    private let services: AccessLogServices
    private let totals = Mutex(AccessLogTotals())

    package init(services: AccessLogServices) { self.services = services }

    package func prepare(_ batch: LogBatch) -> @Sendable (_ arrival: Timestamp) -> Void {
        let fold = AccessLogFold(batch, services: services)
        return { [self] arrival in totals.withLock { $0.add(fold, arrival: arrival) } }
    }

    package func checkpoint() -> [UInt8] { totals.withLock { $0.bytes } }

    package func restore(_ checkpoint: [UInt8]) -> Bool {
        guard let restored = AccessLogTotals(checkpoint: checkpoint) else { return false }
        totals.withLock { $0 = restored }
        return true
    }

    var current: AccessLogTotals { totals.withLock { $0 } }

    /// Notes that the zeros of so many groups are stored.
    func noteBegun(_ count: Int) { totals.withLock { $0.begunCount = count } }
}

/// Writes the totals derived from access logs into the metrics at a fixed interval, and once more at the
/// end. A write that is refused loses a point of the curve, no count.
package final class AccessLogMetricsLoop: Sendable {
    private let deriver: AccessLogDeriver
    private let metrics: any MetricStore
    private let clock: any Clock
    private let events: EventLog
    private let writes: DerivedWrites
    private let samples = Mutex(AccessLogSamples())

    package init(
        _ deriver: AccessLogDeriver, metrics: any MetricStore, clock: any Clock, events: EventLog,
        intervalNanoseconds: Int64
    ) {
        self.deriver = deriver
        self.metrics = metrics
        self.clock = clock
        self.events = events
        writes = DerivedWrites(name: "derive-logs", intervalNanoseconds: intervalNanoseconds)
    }

    package func start() { writes.start { [self] in write(then: $0) } }

    /// Writes what was counted since the last time; nothing is written afterwards.
    package func stop() { writes.stop { [self] in write(then: $0) } }

    /// Writes the totals as they are now.
    package func write(then completion: @escaping @Sendable () -> Void = {}) {
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let totals = deriver.current
        let (batch, begunCount) = samples.withLock { $0.batch(of: totals, at: now) }
        guard batch.sampleCount > 0 else { return completion() }
        metrics.append(metrics: batch, digest: nil) { [self] result in
            switch result {
            case .success:
                deriver.noteBegun(begunCount)
                samples.withLock { $0.noteStored() }
            case .failure(let error):
                events.emit(AccessLogSamplesRefused(reason: "\(error)"))
            }
            completion()
        }
    }
}

/// Samples derived from access logs were not stored. Their totals go into the next ones.
struct AccessLogSamplesRefused: InternalEvent {
    static let counter = "sidelight_derived_log_writes_refused_total"
    static let help =
        "Times that metrics of access logs could not be stored; the next carry them on."
    var reason: String
    var labels: [(name: String, value: String)] { [] }
    var level: Logger.Level? { .warning }
    var message: String {
        "metrics of access logs could not be stored, the next ones will be: \(reason)"
    }
}
