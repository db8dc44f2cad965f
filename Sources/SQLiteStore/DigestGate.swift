import Journal
import Platform
import Store
import Synchronization
import Telemetry

/// Tells retries of a request that was stored, or is being stored, a short while ago.
///
/// A retry of a stored batch is acknowledged at once; a retry of one still on its way waits for its
/// outcome. Nothing is derived from either.
final class DigestGate: Sendable {
    private struct State {
        var window = DigestWindow()
        var waiting: [ContentHash: [AppendCompletion]] = [:]
    }

    private let clock: any Clock
    private let state = Mutex(State())

    init(clock: any Clock) { self.clock = clock }

    private var now: Timestamp { Timestamp(nanoseconds: clock.wallNanoseconds) }

    /// Remembers a digest found in the journal.
    func restore(_ digest: ContentHash, at arrival: Timestamp) {
        state.withLock { $0.window.remember(digest, at: arrival) }
    }

    /// The window as a journal record: what replaces the segments that held the digests.
    /// (high u64 │ low u64 │ arrival i64)*, little-endian.
    func checkpoint() -> [UInt8] {
        let entries = state.withLock { $0.window.entries }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.count * DigestGate.entryBytes)
        for (digest, at) in entries {
            for word in [digest.high, digest.low, UInt64(bitPattern: at.nanoseconds)] {
                withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
            }
        }
        return bytes
    }

    /// Takes a window back from the journal; false if the bytes are no window.
    func restore(checkpoint bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count % DigestGate.entryBytes == 0 else { return false }
        for offset in stride(from: 0, to: bytes.count, by: DigestGate.entryBytes) {
            func word(_ index: Int) -> UInt64 {
                UInt64(
                    littleEndian: bytes.loadUnaligned(
                        fromByteOffset: offset + index * 8, as: UInt64.self))
            }
            restore(
                ContentHash(high: word(0), low: word(1)),
                at: Timestamp(nanoseconds: Int64(bitPattern: word(2))))
        }
        return true
    }

    private static let entryBytes = 24

    /// Whether the batch is to be stored. If not, `completion` has been or will be called.
    func enter(_ digest: ContentHash, _ completion: @escaping AppendCompletion) -> Bool {
        let verdict = state.withLock { state in
            let verdict = state.window.admit(digest, at: now)
            if verdict == .pending { state.waiting[digest, default: []].append(completion) }
            return verdict
        }
        if verdict == .duplicate { completion(.success(.duplicate)) }
        return verdict == .fresh
    }

    /// The batch that entered has this outcome: tells those who wait for it.
    func leave(_ digest: ContentHash, _ result: Result<AppendOutcome, StoreError>) {
        let waiting = state.withLock { state in
            switch result {
            case .success: state.window.confirm(digest, at: now)
            case .failure: state.window.abandon(digest)
            }
            return state.waiting.removeValue(forKey: digest) ?? []
        }
        for completion in waiting { completion(result.map { _ in .duplicate }) }
    }
}
