import Pipeline
import Platform
import QueryAPI
import SQLiteStore
import Store

/// What writes metrics of its own while the server runs: those derived from spans and access logs, and what
/// the doctor of traces finds.
struct ServeLoops {
    private let spans: DerivedMetricsLoop?
    private let accessLogs: AccessLogMetricsLoop?
    private let doctor: DoctorLoop

    /// Starts them.
    init(
        _ configuration: ServeConfiguration, _ deriver: SpanDeriver?,
        _ logDeriver: AccessLogDeriver?, store: SQLiteTelemetryStore, clock: SystemClock,
        events: EventLog
    ) {
        let interval = configuration.spanMetricsInterval
        spans = deriver.map {
            DerivedMetricsLoop(
                $0, metrics: store, clock: clock, events: events, intervalNanoseconds: interval)
        }
        accessLogs = logDeriver.map {
            AccessLogMetricsLoop(
                $0, metrics: store, clock: clock, events: events, intervalNanoseconds: interval)
        }
        doctor = DoctorLoop(spans: store, metrics: store, clock: clock, events: events)
        spans?.start()
        accessLogs?.start()
        doctor.start()
    }

    /// Writes what is still to be written.
    func stop() {
        doctor.stop()
        spans?.stop()
        accessLogs?.stop()
    }
}
