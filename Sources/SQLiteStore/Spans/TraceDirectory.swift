import ColumnEncoding
import Store
import Synchronization
import Telemetry

/// Which traces blocks hold, and which of them lie in more than one: what a query must know before it
/// judges a trace by one block alone.
///
/// An open-addressed table of the hashes that the blocks' filters use, 16 bytes a trace at most. The
/// lowest bit of a hash says whether the trace is shared; two traces that differ in it alone are taken for
/// one, which costs time and changes nothing.
struct TraceDirectory: Sendable {
    enum Place { case nowhere, inOneBlock, inSeveral }

    private var slots: [UInt64]
    private let mask: Int

    init(capacity: Int) {
        var size = 64
        while size < capacity * 3 / 2 { size *= 2 }
        slots = [UInt64](repeating: 0, count: size)
        mask = size - 1
    }

    /// Notes the traces of one block, each once.
    mutating func add(_ keys: [UInt64]) {
        let mask = mask
        slots.withUnsafeMutableBufferPointer { slots in
            for key in keys {
                let wanted = Self.entry(key)
                var position = Int(truncatingIfNeeded: wanted >> 1) & mask
                while slots[position] != 0, slots[position] & ~1 != wanted {
                    position = (position &+ 1) & mask
                }
                slots[position] = slots[position] == 0 ? wanted : wanted | 1
            }
        }
    }

    func place(_ key: UInt64) -> Place {
        let wanted = Self.entry(key)
        var position = Int(truncatingIfNeeded: wanted >> 1) & mask
        while slots[position] != 0 {
            if slots[position] & ~1 == wanted {
                return slots[position] & 1 == 0 ? .inOneBlock : .inSeveral
            }
            position = (position &+ 1) & mask
        }
        return .nowhere
    }

    /// Zero is a free slot.
    @inline(__always)
    private static func entry(_ key: UInt64) -> UInt64 { max(2, key & ~1) }
}

/// The directory of the blocks as a query found them last, with the keys of each block for the next one.
final class TraceDirectoryCache: Sendable {
    /// Traces of all blocks: beyond, nothing is kept (some 50 MiB), and traces are put together one by one.
    private static let tracesMax = 2_000_000

    private struct State {
        var keys: [ObjectIdentifier: (block: BlockInfo, keys: [UInt64])] = [:]
        var generation: UInt64?
        var directory: TraceDirectory?
    }

    private let state = Mutex(State())

    /// - Parameter read: the keys of the traces in a block; `nil` if it cannot be read.
    /// - Returns: `nil` if there are too many traces.
    func directory(
        of blocks: [BlockInfo], generation: UInt64,
        read: @Sendable (BlockInfo) throws(StoreError) -> [UInt64]?
    ) throws(StoreError) -> TraceDirectory? {
        let (ready, known) = state.withLock { state in
            (state.generation == generation ? state.directory : nil, state.keys)
        }
        if let ready { return ready }
        var keys: [ObjectIdentifier: (block: BlockInfo, keys: [UInt64])] = [:]
        var total = 0
        let missing = blocks.filter { known[ObjectIdentifier($0)] == nil }
        for block in blocks {
            guard let entry = known[ObjectIdentifier(block)] else { continue }
            keys[ObjectIdentifier(block)] = entry
            total += entry.keys.count
        }
        let atOnce = 64
        for first in stride(from: 0, to: missing.count, by: atOnce) {
            let some = Array(missing[first..<min(first + atOnce, missing.count)])
            let found = try Concurrently.map(some.count) { (index) throws(StoreError) in
                try read(some[index])
            }
            for (block, found) in zip(some, found) {
                total += found?.count ?? 0
                keys[ObjectIdentifier(block)] = (block, found ?? [])
            }
            guard total <= Self.tracesMax else {
                state.withLock { $0 = State() }
                return nil
            }
        }
        var directory = TraceDirectory(capacity: total)
        for entry in keys.values { directory.add(entry.keys) }
        let (built, held) = (directory, keys)
        state.withLock { $0 = State(keys: held, generation: generation, directory: built) }
        return directory
    }
}
