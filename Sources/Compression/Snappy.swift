import CSnappy

/// Snappy's block format (google/snappy, format_description.txt), as remote write and Loki push use it.
package enum Snappy {
    /// No element expands further: a copy with a two-byte offset makes at most 64 bytes out of three.
    /// A block that claims more is corrupt, and is found out before anything is allocated.
    private static let expansionMax = 22

    package static func compress(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let bound = snappy_max_compressed_length(bytes.count)
        let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            var length = bound
            let status = buffer.withMemoryRebound(to: CChar.self) { output in
                snappy_compress(source(bytes), bytes.count, output.baseAddress, &length)
            }
            precondition(status == SNAPPY_OK, "BUG: the bound of snappy's output is too small")
            count = length
        }
        return output.count < bound / 2 ? Array(output[...]) : output
    }

    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { compress($0) }
    }

    /// Expands one block.
    /// - Parameter limit: the most bytes to expand to; checked against the block's own claim before
    ///   anything is allocated.
    /// - Throws: `corrupt`, `tooLarge`.
    package static func decompress(
        _ bytes: UnsafeRawBufferPointer, limit: Int
    ) throws(CompressionError) -> [UInt8] {
        let claimed = try uncompressedCount(bytes)
        guard claimed <= max(0, limit) else { throw .tooLarge(limit: limit) }
        guard claimed / expansionMax <= bytes.count else {
            throw .corrupt(format: "snappy", reason: "claims \(claimed) bytes in \(bytes.count)")
        }
        var status = SNAPPY_OK
        let output = [UInt8](unsafeUninitializedCapacity: claimed) { buffer, count in
            var length = claimed
            status = buffer.withMemoryRebound(to: CChar.self) { output in
                // Snappy writes nothing for an empty block but wants somewhere to write it.
                var nowhere: CChar = 0
                return output.baseAddress.map {
                    snappy_uncompress(source(bytes), bytes.count, $0, &length)
                } ?? snappy_uncompress(source(bytes), bytes.count, &nowhere, &length)
            }
            count = status == SNAPPY_OK ? min(length, claimed) : 0
        }
        guard status == SNAPPY_OK else {
            throw .corrupt(format: "snappy", reason: "not a well-formed block")
        }
        return output
    }

    package static func decompress(
        _ bytes: [UInt8], limit: Int
    ) throws(CompressionError) -> [UInt8] {
        try borrow(bytes) { (raw) throws(CompressionError) in try decompress(raw, limit: limit) }
    }

    /// The size that a block claims to expand to, from its first bytes.
    package static func uncompressedCount(
        _ bytes: UnsafeRawBufferPointer
    ) throws(CompressionError) -> Int {
        guard !bytes.isEmpty else { throw .corrupt(format: "snappy", reason: "empty input") }
        var length = 0
        guard snappy_uncompressed_length(source(bytes), bytes.count, &length) == SNAPPY_OK else {
            throw .corrupt(format: "snappy", reason: "no valid length")
        }
        return length
    }

    private static func source(_ bytes: UnsafeRawBufferPointer) -> UnsafePointer<CChar>? {
        bytes.assumingMemoryBound(to: CChar.self).baseAddress
    }
}
