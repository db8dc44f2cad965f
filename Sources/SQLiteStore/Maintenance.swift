import Platform
import Store
import Synchronization
import Telemetry

/// What the maintenance thread does for one signal. Every step may fail and is tried again.
protocol MaintainedSignal: Sendable {
    var signalName: String { get }
    func needsSeal(at now: Timestamp) -> Bool
    func seal() throws(StoreError)
    /// Merges one group of small parts; false if there is nothing to merge.
    func mergeStep() throws(StoreError) -> Bool
    /// Thins traces of a few blocks as the policies say; false if none are due.
    func samplingStep(at now: Timestamp) throws(StoreError) -> Bool
    func expire(at now: Timestamp) throws(StoreError)
}

extension BlockStore: MaintainedSignal {
    var signalName: String { Signal.name }

    func samplingStep(at now: Timestamp) throws(StoreError) -> Bool {
        guard let spans = self as? BlockStore<SpanSignal> else { return false }
        return try spans.thinTraces(at: now)
    }
}

extension MetricEngine {
    func samplingStep(at now: Timestamp) throws(StoreError) -> Bool { false }
}

/// Moves heads into files, merges small blocks and deletes expired days: one thread for sealing and one
/// for the rest, so that a long merge never delays the head; for all signals together, so that the
/// share of CPU is bounded as a whole.
final class Maintenance: Sendable {
    private struct State {
        var isStopping = false
    }

    private let signals: [any MaintainedSignal]
    private let clock: any Clock
    private let events: EventLog
    private let mergeShare: Double
    private let didSeal: @Sendable () -> Void
    private let state = Mutex(State())
    private let sealWake = WakeUp()
    private let mergeWake = WakeUp()
    private let sealThread = WorkerThread(name: "store-seal", capacity: 1)
    private let mergeThread = WorkerThread(name: "store-merge", capacity: 1)

    /// Sealing by age and merging need no finer clock than this.
    private static let pollNanoseconds: Int64 = 250_000_000
    /// A failed step (a full disk) is tried again after this.
    private static let retryNanoseconds: Int64 = 1_000_000_000
    /// Retention works in whole days.
    private static let expiryNanoseconds: Int64 = 60_000_000_000

    /// - Parameter didSeal: called after each successful seal, to release journal segments.
    init(
        signals: [any MaintainedSignal], clock: any Clock, events: EventLog, mergeShare: Double,
        didSeal: @escaping @Sendable () -> Void
    ) {
        self.signals = signals
        self.clock = clock
        self.events = events
        self.mergeShare = mergeShare
        self.didSeal = didSeal
    }

    func start() {
        let isStarted =
            sealThread.submit { self.sealLoop() } && mergeThread.submit { self.mergeLoop() }
        precondition(isStarted, "BUG: maintenance was started twice")
    }

    /// A head may have become large enough.
    func requestSeal() {
        sealWake.signal()
    }

    /// Returns when both threads have ended; nothing is sealed any more.
    func stop() {
        state.withLock { $0.isStopping = true }
        sealWake.signal()
        mergeWake.signal()
        sealThread.stop()
        mergeThread.stop()
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }
    private var now: Timestamp { Timestamp(nanoseconds: clock.wallNanoseconds) }

    private func sealLoop() {
        while !isStopping {
            var wait = Maintenance.pollNanoseconds
            for signal in signals where signal.needsSeal(at: now) {
                do throws(StoreError) {
                    try signal.seal()
                    didSeal()
                } catch {
                    report(error, "seal", signal)
                    wait = Maintenance.retryNanoseconds
                }
            }
            sealWake.wait(nanoseconds: wait)
        }
    }

    private func mergeLoop() {
        var nextExpiry: Int64 = 0
        while !isStopping {
            var wait = Maintenance.pollNanoseconds
            let isExpiryDue = clock.monotonicNanoseconds >= nextExpiry
            if isExpiryDue {
                nextExpiry = clock.monotonicNanoseconds + Maintenance.expiryNanoseconds
            }
            for signal in signals {
                do throws(StoreError) {
                    if isExpiryDue { try signal.expire(at: now) }
                    let start = clock.monotonicNanoseconds
                    let hasMerged = try signal.mergeStep()
                    let hasThinned = try signal.samplingStep(at: now)
                    if hasMerged || hasThinned {
                        let busy = Double(clock.monotonicNanoseconds - start)
                        wait = max(wait, Int64(busy * (1 / mergeShare - 1)))
                    }
                } catch {
                    report(error, "merge", signal)
                    wait = Maintenance.retryNanoseconds
                }
                if isStopping { return }
            }
            mergeWake.wait(nanoseconds: wait)
        }
    }

    private func report(_ error: StoreError, _ step: String, _ signal: any MaintainedSignal) {
        events.emit(
            StoreMaintenanceFailed(
                signal: signal.signalName, step: step, reason: error.description))
    }
}
