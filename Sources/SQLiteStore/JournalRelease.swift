import Journal
import Platform
import Store
import Telemetry

/// Deletes journal segments that no head needs any more, after carrying the digests in them over into a
/// record of their own.
final class JournalRelease: Sendable {
    private let journal: Journal
    private let digests: DigestGate
    private let derived: DerivedState<SpanBatch>?
    private let derivedLogs: DerivedState<LogBatch>?
    private let clock: any Clock
    private let events: EventLog
    private let unsealed: @Sendable () -> [UInt64?]

    /// - Parameter unsealed: per signal, the lowest sequence that only memory holds.
    init(
        journal: Journal, digests: DigestGate, derived: DerivedState<SpanBatch>?,
        derivedLogs: DerivedState<LogBatch>?, clock: any Clock,
        events: EventLog,
        unsealed: @escaping @Sendable () -> [UInt64?]
    ) {
        self.journal = journal
        self.digests = digests
        self.derived = derived
        self.derivedLogs = derivedLogs
        self.clock = clock
        self.events = events
        self.unsealed = unsealed
    }

    func run(through committer: GroupCommitter) {
        do throws(StoreError) {
            // What it does not reach stays in the journal.
            try derived?.save()
            try derivedLogs?.save()
        } catch {
            events.emit(
                StoreMaintenanceFailed(
                    signal: "derived", step: "checkpoint", reason: error.description))
        }
        do throws(JournalError) {
            // The window goes into a segment of its own, so that the ones before it can go whole.
            try journal.rotate()
        } catch {
            return report(error)
        }
        let entry = JournalEntry(
            kind: .digestWindow, arrival: Timestamp(nanoseconds: clock.wallNanoseconds),
            parts: [digests.checkpoint()])
        committer.submit(entry) { [self] result in
            do throws(JournalError) {
                // Read on the writer thread: nothing below the window's sequence is still on its way
                // into a head.
                let window = try result.get()
                let needed = unsealed().compactMap(\.self).min() ?? window
                try journal.removeSegments(throughSequence: min(needed, window) - 1)
            } catch {
                report(error)
            }
        }
    }

    private func report(_ error: JournalError) {
        events.emit(
            StoreMaintenanceFailed(
                signal: "journal", step: "release", reason: error.description))
    }
}
