import Telemetry

/// Sections of a string table: consecutive entries, lengths first.
///
/// section = entries varint │ integer column of lengths │ bytes
package enum StringTableCodec {
    /// Writes the entries `ids` of `table`, in that order.
    static func encode(
        _ ids: ArraySlice<StringID>, of table: StringTable, into writer: inout ByteWriter,
        layout: IntegerLayout
    ) {
        writer.appendVarint(ids.count)
        guard !ids.isEmpty else { return }
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: ids.count) { lengths in
            for (index, id) in ids.enumerated() {
                lengths[index] = UInt32(truncatingIfNeeded: table.range(of: id).count)
            }
            IntegerCodec.encode(UnsafeBufferPointer(lengths), into: &writer, layout: layout)
        }
        table.bytes.withUnsafeBytes { bytes in
            for id in ids {
                writer.append(
                    contentsOf: UnsafeRawBufferPointer(rebasing: bytes[table.range(of: id)]))
            }
        }
    }

    /// Reads sections one after the other into one table.
    struct Builder {
        private var bytes: [UInt8] = []
        private var ends: [UInt32] = [0]

        mutating func append(from reader: inout ByteReader) throws(ColumnDecodeError) {
            // Every entry but id 0 has at least a byte.
            let count = try reader.readCount(atMost: reader.remaining)
            let lengths: [UInt32] = try IntegerCodec.decode(from: &reader, count: count)
            var end = bytes.count
            let total = reader.remaining
            guard end + total <= Int(UInt32.max) else {
                throw reader.corrupt("strings of more than 4 GiB")
            }
            ends.reserveCapacity(ends.count + count)
            let limit = end + total
            for length in lengths {
                end += Int(length)
                guard length > 0, end <= limit else {
                    throw reader.corrupt("strings end after their bytes")
                }
                ends.append(UInt32(end))
            }
            guard end == limit else { throw reader.corrupt("bytes that belong to no string") }
            bytes.append(contentsOf: try reader.read(total))
        }

        var count: Int { ends.count }

        consuming func finish() -> StringTable {
            ends.count == 1 ? StringTable() : StringTable(bytes: bytes, ends: ends)
        }
    }
}
