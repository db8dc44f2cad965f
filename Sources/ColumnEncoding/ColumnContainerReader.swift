import Compression
import Telemetry

/// Opens a container and lends its columns one by one.
package struct ColumnContainerReader {
    package struct Entry: Sendable {
        package var id: UInt32
        /// Of the body in the container.
        package var range: Range<Int>
        /// Length after expansion; `nil` if stored as it is.
        package var expandedCount: Int?
    }

    private let bytes: UnsafeRawBufferPointer
    package let kind: ColumnContainer.Kind
    package let rows: Int
    /// In the order of their bodies.
    package let entries: [Entry]

    /// Checks magic, version, checksum and directory.
    /// - Parameter isVerified: the checksum is known to be right.
    package init(
        _ bytes: UnsafeRawBufferPointer, isVerified: Bool = false
    ) throws(ColumnDecodeError) {
        self.bytes = bytes
        var reader = ByteReader(bytes, column: "container")
        guard try reader.readUInt32() == ColumnContainer.magic else {
            throw .corrupt(column: "container", offset: 0, reason: "not a column container")
        }
        let version = try reader.readByte()
        guard ColumnContainer.versionMin...ColumnContainer.version ~= version else {
            throw .unsupportedVersion(version)
        }
        if isVerified {
            guard bytes.count >= ColumnContainer.checksumBytes + 8 else {
                throw .truncated(column: "container", offset: 0, needed: 16, had: bytes.count)
            }
        } else {
            try ColumnContainerReader.verifyChecksum(bytes)
        }
        guard let kind = ColumnContainer.Kind(rawValue: try reader.readByte()) else {
            throw reader.corrupt("unknown kind of container")
        }
        self.kind = kind
        rows = try reader.readCount(atMost: ColumnLimits.rowsMax)
        let count = try reader.readCount(atMost: reader.remaining / 2)
        entries = try ColumnContainerReader.readDirectory(
            &reader, count: count, end: bytes.count - ColumnContainer.checksumBytes)
    }

    package init(
        _ bytes: UnsafeRawBufferPointer, expecting kind: ColumnContainer.Kind,
        isVerified: Bool = false
    ) throws(ColumnDecodeError) {
        try self.init(bytes, isVerified: isVerified)
        guard self.kind == kind else {
            throw .corrupt(
                column: "container", offset: 5, reason: "holds \(self.kind), expected \(kind)")
        }
    }

    private static func verifyChecksum(
        _ bytes: UnsafeRawBufferPointer
    ) throws(ColumnDecodeError) {
        let end = bytes.count - ColumnContainer.checksumBytes
        guard end >= 8 else {
            throw .truncated(
                column: "container", offset: bytes.count, needed: 8 - end, had: 0)
        }
        let stored = UInt64(
            littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
        let computed = ContentHash(UnsafeRawBufferPointer(rebasing: bytes[..<end])).low
        guard stored == computed else {
            throw .checksumMismatch(stored: stored, computed: computed)
        }
    }

    private static func readDirectory(
        _ reader: inout ByteReader, count: Int, end: Int
    ) throws(ColumnDecodeError) -> [Entry] {
        var entries: [Entry] = []
        entries.reserveCapacity(count)
        var offset = 0
        for _ in 0..<count {
            guard let id = UInt32(exactly: try reader.readVarint()) else {
                throw reader.corrupt("column id out of range")
            }
            let coded = try reader.readVarint()
            guard coded >> 1 <= UInt64(end - offset) else {
                throw reader.corrupt("column \(id) is longer than its container")
            }
            let stored = Int(coded >> 1)
            let expanded =
                coded & 1 == 1 ? try reader.readCount(atMost: ColumnLimits.columnBytesMax) : nil
            entries.append(
                Entry(id: id, range: offset..<(offset + stored), expandedCount: expanded))
            offset += stored
        }
        let start = reader.offset
        guard start <= end, end - start == offset else {
            throw reader.corrupt("bodies of \(end - start) bytes, directory says \(offset)")
        }
        for index in entries.indices {
            let range = entries[index].range
            entries[index].range = (range.lowerBound + start)..<(range.upperBound + start)
        }
        return entries
    }

    func has(_ id: UInt32) -> Bool { entries.contains { $0.id == id } }

    /// Lends column `id`, expanded; `nil` without a call if it is absent. All of it must be read.
    @inline(__always)
    func read<Result>(
        _ id: UInt32, _ name: @autoclosure () -> String,
        _ body: (inout ByteReader) throws(ColumnDecodeError) -> Result
    ) throws(ColumnDecodeError) -> Result? {
        guard let entry = entries.first(where: { $0.id == id }) else { return nil }
        let stored = UnsafeRawBufferPointer(rebasing: bytes[entry.range])
        guard let count = entry.expandedCount else {
            return try ColumnContainerReader.lend(stored, name(), body)
        }
        let expanded: [UInt8]
        do throws(CompressionError) {
            expanded = try Zstd.decompress(stored, exactly: count)
        } catch {
            throw .corrupt(column: name(), offset: 0, reason: error.description)
        }
        return try expanded.withUnsafeBufferPointer { (bytes) throws(ColumnDecodeError) in
            try ColumnContainerReader.lend(UnsafeRawBufferPointer(bytes), name(), body)
        }
    }

    @inline(__always)
    private static func lend<Result>(
        _ bytes: UnsafeRawBufferPointer, _ name: String,
        _ body: (inout ByteReader) throws(ColumnDecodeError) -> Result
    ) throws(ColumnDecodeError) -> Result {
        var reader = ByteReader(bytes, column: name)
        let result = try body(&reader)
        guard reader.isAtEnd else {
            throw reader.corrupt("\(reader.remaining) bytes left over")
        }
        return result
    }
}
