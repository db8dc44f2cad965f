import Logging
import Pipeline
import Platform
import SQLiteStore
import Store
import Telemetry

/// The store of a server that is stopped, behind the same pipeline that the server's receivers use.
struct StoreTarget: ImportTarget {
    private let store: SQLiteTelemetryStore
    private let pipeline: Pipeline
    private let clock: any Clock

    /// Opens or creates the store below `data`.
    /// - Parameter retention: nanoseconds; what is older is refused, as the server would delete it.
    init(data: String, retention: Int64, clock: any Clock) throws(StoreError) {
        store = try StoppedStore.open(data: data, clock: clock)
        pipeline = Pipeline(limits: IngestLimits(retention: .nanoseconds(retention)))
        self.clock = clock
    }

    func store(_ items: ImportItems) async throws(ImportTargetError) -> ImportReceipt {
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let tally: RefusalTally
        switch items {
        case .spans(let batch):
            let piped = pipeline.run(batch, at: now)
            tally = piped.tally
            if !piped.batch.isEmpty {
                try await append { store.append(spans: piped.batch, digest: nil, completion: $0) }
            }
        case .logs(let batch):
            let piped = pipeline.run(batch, at: now)
            tally = piped.tally
            if !piped.batch.isEmpty {
                try await append { store.append(logs: piped.batch, digest: nil, completion: $0) }
            }
        case .samples(let batch):
            let piped = pipeline.run(batch, at: now)
            tally = piped.tally
            if !piped.batch.isEmpty {
                try await append { store.append(metrics: piped.batch, digest: nil, completion: $0) }
            }
        }
        return ImportReceipt(
            refusals: tally.refusals.map {
                .init(reason: $0.reason.rawValue, count: $0.count, example: $0.example)
            })
    }

    func close() async throws(ImportTargetError) {
        do { try store.close() } catch { throw .unreachable(error.description) }
    }

    /// Waits while the store is at its memory bound: sealing makes room.
    private func append(
        _ append: (@escaping AppendCompletion) -> Void
    ) async throws(ImportTargetError) {
        while true {
            let result = await withCheckedContinuation { continuation in
                append { continuation.resume(returning: $0) }
            }
            switch result {
            case .success: return
            case .failure(.overloaded(let milliseconds)):
                do {
                    try await Task.sleep(for: .milliseconds(milliseconds))
                } catch {
                    throw .unreachable("interrupted")
                }
            case .failure(let error): throw .unreachable(error.description)
            }
        }
    }
}

/// Opens the store of a server that is not running.
enum StoppedStore {
    /// Longer than any data is old: what retention deletes is for the server to decide.
    private static let forever: Int64 = 100 * 365 * StoreConfiguration.day

    static func open(data: String, clock: any Clock) throws(StoreError) -> SQLiteTelemetryStore {
        var configuration = StoreConfiguration(directory: "\(data)/tenants/default")
        configuration.spanRetention = forever
        configuration.logRetention = forever
        configuration.metricRetention = forever
        var logger = Logger(label: "sidelight") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        return try SQLiteTelemetryStore(
            configuration: configuration, clock: clock, events: EventLog(logger: logger))
    }
}
