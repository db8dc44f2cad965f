import Telemetry

/// A cursor over borrowed bytes. Every read is checked; a short or malformed one throws and names the
/// column and the offset.
///
/// The bytes must outlive the reader: it lives inside the closure that lends them.
package struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    /// What errors call the bytes.
    package let column: String
    package private(set) var offset = 0

    package init(_ bytes: UnsafeRawBufferPointer, column: String) {
        self.bytes = bytes
        self.column = column
    }

    package var remaining: Int { bytes.count - offset }
    package var isAtEnd: Bool { offset == bytes.count }

    package mutating func readByte() throws(ColumnDecodeError) -> UInt8 {
        try require(1)
        defer { offset += 1 }
        return bytes[offset]
    }

    package mutating func readUInt32() throws(ColumnDecodeError) -> UInt32 {
        try require(4)
        defer { offset += 4 }
        return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    package mutating func readUInt64() throws(ColumnDecodeError) -> UInt64 {
        try require(8)
        defer { offset += 8 }
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    package mutating func readVarint() throws(ColumnDecodeError) -> UInt64 {
        let start = offset
        guard let value = Varint.read(bytes, &offset) else {
            offset = start
            guard remaining < 10 else { throw corrupt("varint of more than ten bytes") }
            throw .truncated(column: column, offset: start, needed: remaining + 1, had: remaining)
        }
        return value
    }

    package mutating func readSignedVarint() throws(ColumnDecodeError) -> Int64 {
        Varint.unzigzag(try readVarint())
    }

    /// A count or length of at most `limit`, so that nothing larger is ever allocated.
    package mutating func readCount(atMost limit: Int) throws(ColumnDecodeError) -> Int {
        let value = try readVarint()
        guard limit >= 0, value <= UInt64(limit) else {
            throw corrupt("count \(value) exceeds \(limit)")
        }
        return Int(value)
    }

    /// The next `count` bytes, borrowed.
    package mutating func read(_ count: Int) throws(ColumnDecodeError) -> UnsafeRawBufferPointer {
        try require(count)
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)])
    }

    /// A varint length, then that many bytes, borrowed.
    package mutating func readRun() throws(ColumnDecodeError) -> UnsafeRawBufferPointer {
        let length = try readCount(atMost: remaining)
        return try read(length)
    }

    /// Bytes readable past `offset` without leaving the buffer: lets word-wise loops read ahead.
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[offset...]) }

    package func corrupt(_ reason: String) -> ColumnDecodeError {
        .corrupt(column: column, offset: offset, reason: reason)
    }

    private func require(_ count: Int) throws(ColumnDecodeError) {
        guard count >= 0, count <= remaining else {
            throw .truncated(column: column, offset: offset, needed: count, had: remaining)
        }
    }
}
