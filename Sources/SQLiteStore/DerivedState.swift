import Platform
import Store
import Synchronization
import Telemetry

/// The state derived from the batches of a signal, kept in the catalog together with the journal sequence that it reaches:
/// a restart restores it and shows the derivation what the journal holds beyond.
final class DerivedState<Batch: Sendable>: Sendable {
    private struct State {
        /// The last batch that the derivation has been shown.
        var through: UInt64 = 0
        /// The first batch after the last checkpoint.
        var firstUnsaved: UInt64?
        var savedAt: Int64?
    }

    /// At full load heads are sealed several times a second; a checkpoint each time would be waste.
    private static var pauseNanoseconds: Int64 { 2_000_000_000 }

    private let derivation: Derivation<Batch>
    private let catalog: CatalogFile
    private let clock: any Clock
    /// Held while the derivation is shown a batch, so that a checkpoint reaches a known sequence.
    private let state = Mutex(State())

    /// Restores the last checkpoint. One that cannot be read is reported, and the state starts anew.
    init(
        _ derivation: Derivation<Batch>, catalog: CatalogFile, clock: any Clock, events: EventLog
    ) throws(StoreError) {
        self.derivation = derivation
        self.catalog = catalog
        self.clock = clock
        guard let saved = try catalog.derivedState(derivation.place) else {
            // From here on every program knows that the journal must be kept for it.
            try catalog.saveDerivedState(
                derivation.checkpoint(), through: 0, derivation.place)
            return
        }
        state.withLock { $0.through = saved.through }
        if !saved.isWhole || !derivation.restore(saved.bytes) {
            events.emit(
                StoreDamage(
                    kind: "checkpoint", path: catalog.path,
                    reason: "metrics derived from \(derivation.place.signal) start anew"))
        }
    }

    var through: UInt64 { state.withLock { $0.through } }

    /// The lowest sequence that no checkpoint reaches.
    var oldestUnsaved: UInt64? { state.withLock { $0.firstUnsaved } }

    func prepare(
        _ batch: Batch
    ) -> @Sendable (_ sequence: UInt64, _ arrival: Timestamp) -> Void {
        let add = derivation.prepare(batch)
        return { [self] sequence, arrival in
            state.withLock { state in
                guard sequence > state.through else { return }
                add(arrival)
                state.through = sequence
                if state.firstUnsaved == nil { state.firstUnsaved = sequence }
            }
        }
    }

    /// Writes a checkpoint, if there is anything new and the last one is not too fresh.
    /// - Parameter isLast: write it however fresh the last one is.
    func save(isLast: Bool = false) throws(StoreError) {
        let now = clock.monotonicNanoseconds
        let due = state.withLock { state -> (through: UInt64, bytes: [UInt8])? in
            guard state.firstUnsaved != nil else { return nil }
            if !isLast, let saved = state.savedAt, now &- saved < Self.pauseNanoseconds {
                return nil
            }
            return (state.through, derivation.checkpoint())
        }
        guard let due else { return }
        try catalog.saveDerivedState(due.bytes, through: due.through, derivation.place)
        state.withLock { state in
            state.savedAt = now
            // Sequences of other signals lie between; the next batch is beyond `through` all the same.
            state.firstUnsaved = state.through > due.through ? due.through + 1 : nil
        }
    }
}

/// What derives something of batches, of whichever signal.
struct Derivation<Batch: Sendable>: Sendable {
    let place: DerivedStatePlace
    let prepare: @Sendable (Batch) -> @Sendable (_ arrival: Timestamp) -> Void
    let checkpoint: @Sendable () -> [UInt8]
    let restore: @Sendable ([UInt8]) -> Bool
}

extension Derivation where Batch == SpanBatch {
    init(_ derivation: any SpanDerivation) {
        place = .spans
        prepare = { derivation.prepare($0) }
        checkpoint = { derivation.checkpoint() }
        restore = { derivation.restore($0) }
    }
}

extension Derivation where Batch == LogBatch {
    init(_ derivation: any LogDerivation) {
        place = .logs
        prepare = { derivation.prepare($0) }
        checkpoint = { derivation.checkpoint() }
        restore = { derivation.restore($0) }
    }
}
