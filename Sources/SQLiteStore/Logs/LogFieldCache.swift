import Store
import Synchronization
import Telemetry

/// Columns of fields of blocks of log records that queries have asked for, for the next query; bounded by
/// bytes.
///
/// Which block makes room is as good as random: queries go over many blocks in one order, and the least
/// recently used would always be the next one wanted.
final class LogFieldCache: Sendable {
    /// What is known of a block.
    struct Entry: Sendable {
        var times: [Int64]
        var resourceIndices: [UInt32]
        var streams: [Labels]
        var columns: [String: LogFieldColumn]

        init(_ batch: LogFieldBatch, _ names: [String]) {
            times = batch.times
            resourceIndices = batch.resourceIndices
            streams = batch.streams
            columns = [:]
            add(batch, names)
        }

        mutating func add(_ batch: LogFieldBatch, _ names: [String]) {
            for (name, column) in zip(names, batch.columns) { columns[name] = column }
        }

        /// `nil` if a column is missing.
        func batch(_ names: [String]) -> LogFieldBatch? {
            var found: [LogFieldColumn] = []
            for name in names {
                guard let column = columns[name] else { return nil }
                found.append(column)
            }
            return LogFieldBatch(
                times: times, resourceIndices: resourceIndices, streams: streams, columns: found)
        }

        var memoryBytes: Int {
            times.count * 8 + resourceIndices.count * 4 + 512
                + streams.reduce(0) { $0 + $1.bytes.count + 48 }
                + columns.values.reduce(0) { $0 + $1.memoryBytes }
        }
    }

    private struct Slot {
        var block: BlockInfo
        /// `nil`: the block has records that columns cannot tell of.
        var entry: Entry?
        var bytes: Int
    }

    private struct State {
        var slots: [Slot] = []
        var places: [ObjectIdentifier: Int] = [:]
        var bytes = 0
        var evictions = 0

        mutating func remove(at place: Int) {
            let last = slots.count - 1
            slots.swapAt(place, last)
            places[ObjectIdentifier(slots[place].block)] = place
            let slot = slots.removeLast()
            places[ObjectIdentifier(slot.block)] = nil
            bytes -= slot.bytes
        }
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// What is known of a block; the inner `nil` means that it has no columns.
    func entry(of block: BlockInfo) -> Entry?? {
        state.withLock { state in
            guard let place = state.places[ObjectIdentifier(block)] else { return nil }
            return .some(state.slots[place].entry)
        }
    }

    func put(_ entry: Entry?, of block: BlockInfo) {
        let bytes = 128 + (entry?.memoryBytes ?? 0)
        guard bytes <= bytesMax / 4 else { return }
        state.withLock { state in
            if let place = state.places[ObjectIdentifier(block)] { state.remove(at: place) }
            while state.bytes + bytes > bytesMax, !state.slots.isEmpty {
                state.evictions &+= 1
                let spread = UInt64(truncatingIfNeeded: state.evictions) &* 0x9E37_79B9_7F4A_7C15
                state.remove(at: Int(spread >> 33) % state.slots.count)
            }
            state.places[ObjectIdentifier(block)] = state.slots.count
            state.slots.append(Slot(block: block, entry: entry, bytes: bytes))
            state.bytes += bytes
        }
    }
}
