import Store
import Synchronization
import Telemetry

/// Columns of fields of blocks, and of batches of the head, that queries have asked for, for the next query; bounded by
/// bytes.
///
/// Which block makes room is as good as random: queries go over many blocks in one order, and the least
/// recently used would always be the next one wanted.
final class LogFieldCache: Sendable {
    /// What is known of a block or batch.
    struct Entry: Sendable {
        var times: [Int64]
        var resourceIndices: [UInt32]
        var streams: [Labels]
        var columns: [String: LogFieldColumn]

        let hasBodies: Bool
        var lineByteCounts: [UInt32]?

        /// Without columns.
        init(_ batch: LogFieldBatch) {
            times = batch.times
            resourceIndices = batch.resourceIndices
            streams = batch.streams
            hasBodies = batch.hasBodies
            columns = [:]
        }

        mutating func add(_ batch: LogFieldBatch, _ names: [String]) {
            for (name, column) in zip(names, batch.columns) { columns[name] = column }
            lineByteCounts = lineByteCounts ?? batch.lineByteCounts
        }

        /// `nil` if something is missing.
        func batch(_ request: LogFieldRequest) -> LogFieldBatch? {
            guard !request.lineByteCounts || lineByteCounts != nil else { return nil }
            var found: [LogFieldColumn] = []
            for name in request.names {
                guard let column = columns[name] else { return nil }
                found.append(column)
            }
            var batch = LogFieldBatch(
                times: times, resourceIndices: resourceIndices, streams: streams, columns: found,
                hasBodies: hasBodies)
            batch.lineByteCounts = lineByteCounts
            return batch
        }

        var memoryBytes: Int {
            times.count * 8 + (resourceIndices.count + (lineByteCounts?.count ?? 0)) * 4 + 512
                + streams.reduce(0) { $0 + $1.bytes.count + 48 }
                + columns.values.reduce(0) { $0 + $1.memoryBytes }
        }
    }

    private struct Slot {
        /// A block or a batch of the head.
        var owner: any AnyObject & Sendable
        var entry: Entry
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
            places[ObjectIdentifier(slots[place].owner)] = place
            let slot = slots.removeLast()
            places[ObjectIdentifier(slot.owner)] = nil
            bytes -= slot.bytes
        }
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    func entry(of owner: any AnyObject & Sendable) -> Entry? {
        state.withLock { state in
            guard let place = state.places[ObjectIdentifier(owner)] else { return nil }
            return state.slots[place].entry
        }
    }

    func put(_ entry: Entry, of owner: any AnyObject & Sendable) {
        let bytes = 128 + entry.memoryBytes
        guard bytes <= bytesMax / 4 else { return }
        state.withLock { state in
            if let place = state.places[ObjectIdentifier(owner)] { state.remove(at: place) }
            while state.bytes + bytes > bytesMax, !state.slots.isEmpty {
                state.evictions &+= 1
                let spread = UInt64(truncatingIfNeeded: state.evictions) &* 0x9E37_79B9_7F4A_7C15
                state.remove(at: Int(spread >> 33) % state.slots.count)
            }
            state.places[ObjectIdentifier(owner)] = state.slots.count
            state.slots.append(Slot(owner: owner, entry: entry, bytes: bytes))
            state.bytes += bytes
        }
    }
}
