import Logging
import Platform
import Receivers
import SQLiteStore
import Store
import Synchronization

/// Keeps what adaptive sampling learns in the catalog: once a minute where it changed, and at the end.
final class SamplingMemory: Sendable {
    private static let intervalNanoseconds: Int64 = 60_000_000_000

    private let advice: SamplingAdvice
    private let catalog: CatalogFile
    private let events: EventLog
    private let saved: Mutex<[String: [String: Double]]>
    private let isStopping = Atomic(false)
    private let wake = WakeUp()
    private let thread = WorkerThread(name: "sampling", capacity: 1)

    /// What clients are told, with what was learnt before.
    static func advice(
        _ strategies: SamplingStrategies, catalog: CatalogFile, clock: any Clock,
        events: EventLog
    ) -> SamplingAdvice {
        var learnt: [String: [String: Double]] = [:]
        do throws(StoreError) { learnt = try catalog.samplingRates() } catch {
            events.emit(SamplingRatesLost(reason: "cannot be read: \(error)"))
        }
        return SamplingAdvice(strategies: strategies, clock: clock, learnt: learnt)
    }

    init(_ advice: SamplingAdvice, catalog: CatalogFile, events: EventLog) {
        self.advice = advice
        self.catalog = catalog
        self.events = events
        saved = Mutex(advice.learnt)
    }

    func start() {
        let isStarted = thread.submit { [self] in
            while !isStopping.load(ordering: .acquiring) {
                wake.wait(nanoseconds: Self.intervalNanoseconds)
                save()
            }
        }
        precondition(isStarted, "BUG: started twice")
    }

    /// Saves for the last time.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        wake.signal()
        thread.stop()
    }

    private func save() {
        let learnt = advice.learnt
        guard saved.withLock({ $0 }) != learnt else { return }
        do throws(StoreError) {
            try catalog.save(samplingRates: learnt)
            saved.withLock { $0 = learnt }
        } catch {
            events.emit(SamplingRatesLost(reason: "cannot be saved: \(error)"))
        }
    }
}

/// What adaptive sampling learnt is not kept.
struct SamplingRatesLost: InternalEvent {
    static let counter = "sidelight_sampling_rates_failures_total"
    static let help = "Times that learnt sampling rates could not be read or saved."
    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "learnt sampling rates: \(reason)" }
}
