import ColumnEncoding
import Store
import Synchronization

/// Opened blocks of samples, the recently used ones: a query's series lie side by side in few blocks,
/// and the next refresh of a dashboard reads the same ones. Bounded by bytes.
final class BlockReaders: Sendable {
    fileprivate struct Entry {
        /// Keeps the key's identity alive.
        var info: MetricBlockInfo
        var reader: SeriesBlockReader
        var bytes: Int
        var lastUse: UInt64
    }

    fileprivate struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var bytes = 0
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// The block if it is at hand, else what `open` gives; two threads may both open it.
    func reader(
        _ info: MetricBlockInfo, open: () throws(StoreError) -> SeriesBlockReader?
    ) throws(StoreError) -> SeriesBlockReader? {
        let key = ObjectIdentifier(info)
        let known = state.withLock { state -> SeriesBlockReader? in
            state.uses &+= 1
            state.entries[key]?.lastUse = state.uses
            return state.entries[key]?.reader
        }
        if let known { return known }
        guard let opened = try open() else { return nil }
        state.withLock { state in
            guard state.entries[key] == nil else { return }
            let bytes = opened.byteCount
            state.entries[key] = Entry(
                info: info, reader: opened, bytes: bytes, lastUse: state.uses)
            state.bytes += bytes
            if state.bytes > bytesMax { state.evict(to: bytesMax / 4 * 3) }
        }
        return opened
    }

    /// Accounts for what an opened block takes more than before.
    func grow(_ info: MetricBlockInfo, by bytes: Int) {
        state.withLock { state in
            let key = ObjectIdentifier(info)
            guard state.entries[key] != nil else { return }
            state.entries[key]?.bytes += bytes
            state.bytes += bytes
            if state.bytes > bytesMax { state.evict(to: bytesMax / 4 * 3) }
        }
    }

    /// Lets go of blocks that no longer exist.
    func forget(_ blocks: [MetricBlockInfo]) {
        state.withLock { state in
            for block in blocks {
                guard let entry = state.entries.removeValue(forKey: ObjectIdentifier(block)) else {
                    continue
                }
                state.bytes -= entry.bytes
            }
        }
    }
}

extension BlockReaders.State {
    fileprivate mutating func evict(to bytesMax: Int) {
        for (key, entry) in entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
            if bytes <= bytesMax { return }
            bytes -= entry.bytes
            entries[key] = nil
        }
    }
}
