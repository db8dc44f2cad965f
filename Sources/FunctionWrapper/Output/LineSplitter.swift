/// Cuts a stream of bytes into lines. A line that is longer than may be becomes several.
struct LineSplitter: Sendable {
    /// What receivers of logs commonly take as one record.
    static let lineBytesMax = 64 << 10

    private var partial: [UInt8] = []

    mutating func append(_ bytes: ArraySlice<UInt8>, emit: ([UInt8]) -> Void) {
        var rest = bytes
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
            let isWhole = end < rest.endIndex
            take(rest[rest.startIndex..<end], emit)
            if isWhole {
                emitPartial(emit)
                rest = rest[(end + 1)...]
            } else {
                return
            }
        }
    }

    /// Ends a line that has no newline.
    mutating func flush(emit: ([UInt8]) -> Void) {
        if !partial.isEmpty { emitPartial(emit) }
    }

    private mutating func take(_ piece: ArraySlice<UInt8>, _ emit: ([UInt8]) -> Void) {
        var piece = piece
        while partial.count + piece.count > Self.lineBytesMax {
            let room = Self.lineBytesMax - partial.count
            emit(partial + piece.prefix(room))
            partial.removeAll(keepingCapacity: true)
            piece = piece.dropFirst(room)
        }
        partial += piece
    }

    private mutating func emitPartial(_ emit: ([UInt8]) -> Void) {
        if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
        if !partial.isEmpty { emit(partial) }
        partial.removeAll(keepingCapacity: true)
    }
}
