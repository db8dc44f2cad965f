import Pipeline
import Platform
import QueryAPI
import Receivers
import SQLiteStore
import Store

/// What writes by itself while the server runs: metrics derived from spans and access logs, what the doctor of
/// traces finds, and what adaptive sampling learns.
struct ServeLoops {
    private let spans: DerivedMetricsLoop?
    private let accessLogs: AccessLogMetricsLoop?
    private let doctor: DoctorLoop
    private let memory: SamplingMemory

    /// Starts them.
    init(
        _ configuration: ServeConfiguration, _ deriver: SpanDeriver?,
        _ logDeriver: AccessLogDeriver?, sampling: SamplingAdvice, store: SQLiteTelemetryStore,
        clock: SystemClock, events: EventLog
    ) {
        memory = SamplingMemory(sampling, catalog: store.catalog, events: events)
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
        memory.start()
    }

    /// Writes what is still to be written.
    func stop() {
        memory.stop()
        doctor.stop()
        spans?.stop()
        accessLogs?.stop()
    }
}
