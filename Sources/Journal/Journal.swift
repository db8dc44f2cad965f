import Platform
import Synchronization
import Telemetry

/// The write-ahead journal: numbered segment files `000042.log` in one directory, holding records of all
/// signals in the order of their sequence numbers, which is also the order in the files.
///
/// A batch of records is written, and in `power` mode synced, as one unit: after `append` returns, all
/// its records survive what the durability promises, and are delivered exactly once, in order, by
/// every later `open` until `removeSegments` says that they are no longer needed. If `append` throws,
/// the file is cut back to where it was. (Should even that fail, the batch may be found by the next
/// start if the process dies before a later append: then it was refused, but is there; its digests tell
/// that to a sender who tries again.)
///
/// The layout on disk is described at `SegmentHeader` and `RecordHeader`. A new segment is begun at every
/// start and whenever one is full; one is always there, so that numbering never restarts.
///
/// All methods may be called from any thread; appends are meant to come from one (`GroupCommitter`).
package final class Journal: Sendable {
    private struct State {
        var closed: [SegmentInfo]
        var active: ActiveSegment
        var nextSequence: UInt64
        /// The last sequence acknowledged (or known to be lost); `nil` before the first one.
        var lastSequence: UInt64?
        var nextNumber: UInt64
        var isClosed = false
    }

    package let directory: String
    package let durability: Durability
    package let limits: JournalLimits
    private let fileSystem: any FileSystem
    private let clock: any Clock
    private let random: any RandomSource
    private let state: Mutex<State>

    /// Opens the journal in `directory`, creating it if there is none, and delivers every record it
    /// holds, in order, to `replay`.
    ///
    /// - Parameters:
    ///   - sealedThrough: the highest sequence that the store knows of; numbering goes on above it even
    ///     if the files end before (a loss of power in `process` mode).
    ///   - replay: the record's payload is valid during the call only.
    /// - Returns: the journal and what was found, damage included.
    package static func open(
        directory: String, fileSystem: any FileSystem, durability: Durability,
        limits: JournalLimits = JournalLimits(), clock: any Clock = SystemClock(),
        random: any RandomSource = SystemRandom(), sealedThrough: UInt64 = 0,
        replay: (JournalRecord) -> Void
    ) throws(JournalError) -> (journal: Journal, report: ReplayReport) {
        do throws(FileError) {
            try fileSystem.createDirectory(directory)
        } catch { throw .file(error) }
        var past = JournalReplay(
            directory: directory, fileSystem: fileSystem, syncing: durability == .power)
        try past.run(deliver: replay)
        let next = max(past.nextSequence, sealedThrough &+ 1)
        let empty = past.segments.filter { $0.sequences == nil && !$0.isDamaged }
        do throws(FileError) {
            let active = try ActiveSegment(
                number: past.nextNumber, directory: directory,
                header: SegmentHeader(
                    first: next, follows: past.lastSequence ?? next - 1, salt: random.next(),
                    created: Timestamp(nanoseconds: clock.wallNanoseconds)),
                fileSystem: fileSystem,
                syncing: durability == .power || past.changedFiles || !empty.isEmpty)
            for segment in empty { try fileSystem.remove(segment.path) }
            let state = State(
                closed: past.segments.filter { $0.sequences != nil || $0.isDamaged },
                active: active, nextSequence: next,
                lastSequence: past.lastSequence, nextNumber: past.nextNumber + 1)
            let journal = Journal(
                directory: directory, fileSystem: fileSystem, durability: durability,
                limits: limits, clock: clock, random: random, state: state)
            return (journal, past.report)
        } catch { throw .file(error) }
    }

    private init(
        directory: String, fileSystem: any FileSystem, durability: Durability,
        limits: JournalLimits, clock: any Clock, random: any RandomSource, state: State
    ) {
        self.directory = directory
        self.fileSystem = fileSystem
        self.durability = durability
        self.limits = limits
        self.clock = clock
        self.random = random
        self.state = Mutex(state)
    }

    // MARK: Writing

    /// Writes `entries` as one unit; returns the sequence of the first, the others follow it.
    /// - Throws: `file` if nothing was acknowledged; `recordTooLarge`; `closed`.
    package func append(_ entries: [JournalEntry]) throws(JournalError) -> UInt64 {
        for entry in entries { try check(entry) }
        return try state.withLock { state throws(JournalError) in
            if state.isClosed { throw .closed }
            let first = state.nextSequence
            guard !entries.isEmpty else { return first }
            do throws(FileError) {
                if state.active.isBroken || state.active.bytes >= limits.segmentBytesMax {
                    try rotate(&state, syncing: durability == .power)
                }
                try state.active.append(
                    entries, first: first, syncing: durability == .power)
            } catch { throw .file(error) }
            state.nextSequence = first + UInt64(entries.count)
            state.lastSequence = state.nextSequence - 1
            return first
        }
    }

    /// Whether a record of this size would be taken.
    package func check(_ entry: JournalEntry) throws(JournalError) {
        let bytes = entry.payloadBytes
        guard bytes <= min(limits.recordBytesMax, Int(UInt32.max)) else {
            throw .recordTooLarge(bytes: bytes, bytesMax: limits.recordBytesMax)
        }
    }

    /// Begins a new segment, if the current one holds any record.
    package func rotate() throws(JournalError) {
        try state.withLock { state throws(JournalError) in
            if state.isClosed { throw .closed }
            guard state.active.sequences != nil || state.active.isBroken else { return }
            do throws(FileError) {
                try rotate(&state, syncing: durability == .power)
            } catch { throw .file(error) }
        }
    }

    /// Nothing can be appended afterwards. In `process` mode this syncs nothing.
    package func close() throws(JournalError) {
        try state.withLock { state throws(JournalError) in
            state.isClosed = true
            do throws(FileError) {
                try state.active.close()
            } catch { throw .file(error) }
        }
    }

    // MARK: Forgetting

    /// Deletes the segments all of whose records have sequences up to `sequence`, because they are
    /// sealed elsewhere: for every signal. Damaged ones are renamed to `….damaged` instead.
    ///
    /// Before the first file goes, its successor survives a loss of power: numbering never restarts.
    package func removeSegments(throughSequence sequence: UInt64) throws(JournalError) {
        let victims = try state.withLock { state throws(JournalError) -> [SegmentInfo] in
            if state.isClosed { throw .closed }
            let activeIsUseless = state.active.sequences.map { $0.upperBound <= sequence } ?? false
            guard state.closed.first.map({ $0.through <= sequence }) ?? activeIsUseless else {
                return []
            }
            if activeIsUseless || !state.active.isSynced {
                do throws(FileError) {
                    try rotate(&state, syncing: true)
                } catch { throw .file(error) }
            }
            let count = state.closed.prefix { $0.through <= sequence }.count
            let victims = Array(state.closed[..<count])
            state.closed.removeFirst(count)
            return victims
        }
        guard !victims.isEmpty else { return }
        var gone = 0
        do throws(FileError) {
            for victim in victims {
                try remove(victim)
                gone += 1
            }
            try fileSystem.syncDirectory(directory)
        } catch {
            let left = victims[gone...]
            state.withLock { $0.closed.insert(contentsOf: left, at: 0) }
            throw .file(error)
        }
    }

    // MARK: Looking

    /// The lowest sequence that a replay would deliver; `nil` if none.
    package var oldestSequence: UInt64? {
        state.withLock { state in
            state.closed.lazy.compactMap(\.sequences).first?.lowerBound
                ?? state.active.sequences?.lowerBound
        }
    }

    /// The last sequence acknowledged; `nil` if none ever was.
    package var lastSequence: UInt64? { state.withLock { $0.lastSequence } }

    /// Bytes of all segment files.
    package var bytes: Int {
        state.withLock { state in
            state.closed.reduce(state.active.bytes) { $0 + $1.bytes }
        }
    }

    package var segmentCount: Int { state.withLock { $0.closed.count + 1 } }

    // MARK: Parts

    private func rotate(_ state: inout State, syncing: Bool) throws(FileError) {
        // The number is used up even if creating fails: a half-made file is never written to again.
        let number = state.nextNumber
        state.nextNumber += 1
        let header = SegmentHeader(
            first: state.nextSequence, follows: state.lastSequence ?? state.nextSequence - 1,
            salt: random.next(), created: Timestamp(nanoseconds: clock.wallNanoseconds))
        let next: ActiveSegment
        do throws(FileError) {
            next = try ActiveSegment(
                number: number, directory: directory, header: header, fileSystem: fileSystem,
                syncing: syncing)
        } catch {
            // The half-made file may come back after a loss of power, saying that nothing was
            // acknowledged in the old segment since: so nothing more may be.
            state.active.retire()
            throw error
        }
        let previous = state.active
        state.closed.append(previous.info)
        state.active = next
        try previous.close()
    }

    private func remove(_ segment: SegmentInfo) throws(FileError) {
        do throws(FileError) {
            if segment.isDamaged {
                try fileSystem.rename(segment.path, to: segment.path + ".damaged")
            } else {
                try fileSystem.remove(segment.path)
            }
        } catch {
            // Gone already is what was wanted.
            guard error.isMissing else { throw error }
        }
    }
}
