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

    /// Whether the head is one of the places that are counted.
    var countsHead = false
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

    /// Notes of those of the traces that are known that they lie in another block too.
    mutating func share(_ keys: [UInt64]) {
        let mask = mask
        slots.withUnsafeMutableBufferPointer { slots in
            for key in keys {
                let wanted = Self.entry(key)
                var position = Int(truncatingIfNeeded: wanted >> 1) & mask
                while slots[position] != 0 {
                    if slots[position] & ~1 == wanted {
                        slots[position] |= 1
                        break
                    }
                    position = (position &+ 1) & mask
                }
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
    /// Reads the keys of the traces in a block; `nil` if it cannot be read.
    typealias Read = @Sendable (BlockInfo) throws(StoreError) -> [UInt64]?

    /// Blocks of which keys are read together.
    private static let blocksAtOnce = 64

    private struct State {
        var keys: [ObjectIdentifier: (block: BlockInfo, keys: [UInt64])] = [:]
        var generation: UInt64?
        var directory: TraceDirectory?
        /// The generation in which there were too many traces, so that they are not counted again.
        var tooMany: UInt64?
    }

    private let tracesMax: Int
    private let state = Mutex(State())

    /// - Parameter tracesMax: of all blocks; of more nothing is kept.
    init(tracesMax: Int) { self.tracesMax = tracesMax }

    /// - Parameters:
    ///   - scanned: the blocks in which a query finds its traces: what has to be known if there are too many
    ///     traces for a directory of all.
    ///   - head: the keys of the traces that have spans in the head.
    /// - Returns: `nil` if there are too many traces in those alone.
    func directory(
        of blocks: [BlockInfo], generation: UInt64, scanned: [BlockInfo], head: Set<UInt64>,
        read: Read
    ) throws(StoreError) -> TraceDirectory? {
        if let whole = try directory(of: blocks, generation: generation, read: read) {
            return whole
        }
        var keys = Array(head)
        var isTooLarge = false
        try Self.each(scanned, read) { found in
            isTooLarge = keys.count + found.count > tracesMax
            if !isTooLarge { keys += found }
            return !isTooLarge
        }
        if isTooLarge { return nil }
        let held = Set(scanned.map { ObjectIdentifier($0) })
        var directory = TraceDirectory(capacity: keys.count)
        directory.countsHead = true
        directory.add(keys)
        keys = []
        try Self.each(blocks.filter { !held.contains(ObjectIdentifier($0)) }, read) { found in
            directory.share(found)
            return true
        }
        return directory
    }

    /// Reads the keys of many blocks, a few at once, until `take` returns false.
    private static func each(
        _ blocks: [BlockInfo], _ read: Read, _ take: ([UInt64]) -> Bool
    ) throws(StoreError) {
        for first in stride(from: 0, to: blocks.count, by: blocksAtOnce) {
            let some = Array(blocks[first..<min(first + blocksAtOnce, blocks.count)])
            let found = try Concurrently.map(some.count) { (index) throws(StoreError) in
                try read(some[index])
            }
            for keys in found {
                guard take(keys ?? []) else { return }
            }
        }
    }

    /// - Returns: `nil` if there are too many traces.
    private func directory(
        of blocks: [BlockInfo], generation: UInt64, read: Read
    ) throws(StoreError) -> TraceDirectory? {
        let (ready, known, isTooLarge) = state.withLock { state in
            (
                state.generation == generation ? state.directory : nil, state.keys,
                state.tooMany == generation
            )
        }
        if let ready { return ready }
        if isTooLarge { return nil }
        var keys: [ObjectIdentifier: (block: BlockInfo, keys: [UInt64])] = [:]
        var total = 0
        let missing = blocks.filter { known[ObjectIdentifier($0)] == nil }
        for block in blocks {
            guard let entry = known[ObjectIdentifier(block)] else { continue }
            keys[ObjectIdentifier(block)] = entry
            total += entry.keys.count
        }
        for first in stride(from: 0, to: missing.count, by: Self.blocksAtOnce) {
            let some = Array(missing[first..<min(first + Self.blocksAtOnce, missing.count)])
            let found = try Concurrently.map(some.count) { (index) throws(StoreError) in
                try read(some[index])
            }
            for (block, found) in zip(some, found) {
                total += found?.count ?? 0
                keys[ObjectIdentifier(block)] = (block, found ?? [])
            }
            guard total <= tracesMax else {
                state.withLock { $0 = State(tooMany: generation) }
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
