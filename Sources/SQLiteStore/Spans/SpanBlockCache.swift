import ColumnEncoding
import Synchronization

/// Readers of blocks of spans with the columns they have decoded, for the next query to go on with;
/// bounded by bytes.
///
/// A reader is taken out while it is used, so that one query at a time has it. Which one makes room is
/// as good as random: queries go over many blocks in one order, and the least recently used would
/// always be the next one wanted.
final class SpanBlockCache: Sendable {
    private struct Entry {
        var block: BlockInfo
        var reader: SpanBlockReader
        var bytes: Int
    }

    private struct State {
        var entries: [Entry] = []
        var places: [ObjectIdentifier: Int] = [:]
        var bytes = 0
        var evictions = 0

        mutating func remove(at place: Int) -> Entry {
            let last = entries.count - 1
            entries.swapAt(place, last)
            places[ObjectIdentifier(entries[place].block)] = place
            let entry = entries.removeLast()
            places[ObjectIdentifier(entry.block)] = nil
            bytes -= entry.bytes
            return entry
        }
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Bytes in use.
    var byteCount: Int { state.withLock { $0.bytes } }

    func take(_ block: BlockInfo) -> SpanBlockReader? {
        state.withLock { state in
            guard let place = state.places[ObjectIdentifier(block)] else { return nil }
            return state.remove(at: place).reader
        }
    }

    func put(_ reader: SpanBlockReader, of block: BlockInfo) {
        let bytes = reader.memoryBytes
        guard bytes <= bytesMax / 4 else { return }
        state.withLock { state in
            guard state.places[ObjectIdentifier(block)] == nil else { return }
            while state.bytes + bytes > bytesMax {
                state.evictions &+= 1
                let spread = UInt64(truncatingIfNeeded: state.evictions) &* 0x9E37_79B9_7F4A_7C15
                _ = state.remove(at: Int(spread >> 33) % state.entries.count)
            }
            state.places[ObjectIdentifier(block)] = state.entries.count
            state.entries.append(Entry(block: block, reader: reader, bytes: bytes))
            state.bytes += bytes
        }
    }
}
