import CZstd

/// Zstandard (RFC 8878).
package enum Zstd {
    private static let compressors = ZstdContextPool(.compression)
    private static let decompressors = ZstdContextPool(.decompression)

    /// The largest window that a stream may ask for whatever the limit: RFC 9659 §3 lets HTTP senders
    /// use 8 MiB.
    private static let windowLogMin: Int32 = 23
    /// The largest window at all, 128 MiB, zstd's own default.
    private static let windowLogMax: Int32 = 27
    /// RFC 8878 §3.1.1.2: a block is at least its header and holds at most 128 KiB.
    private static let blockBytesMin = 3
    private static let blockContentMax = 128 << 10

    /// Compresses to one frame that knows its content's size.
    /// - Parameter level: 1 (fastest) to 22, negative ones faster still; others are clamped.
    package static func compress(_ bytes: UnsafeRawBufferPointer, level: Int32) -> [UInt8] {
        let bound = ZSTD_compressBound(bytes.count)
        let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            count = compress(bytes, into: UnsafeMutableRawBufferPointer(buffer), level)
        }
        return output.count < bound / 2 ? Array(output[...]) : output
    }

    package static func compress(_ bytes: [UInt8], level: Int32) -> [UInt8] {
        bytes.withUnsafeBytes { compress($0, level: level) }
    }

    /// Compresses to one frame at the end of `output`.
    /// - Returns: the number of bytes appended.
    @discardableResult
    package static func compress(
        _ bytes: UnsafeRawBufferPointer, level: Int32, appendingTo output: inout [UInt8]
    ) -> Int {
        let start = output.count
        output.append(addingCapacity: ZSTD_compressBound(bytes.count)) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                count = compress(bytes, into: UnsafeMutableRawBufferPointer(buffer), level)
            }
        }
        return output.count - start
    }

    /// Expands one or several frames, with or without their content's size in the header.
    /// - Parameter limit: the most bytes to expand to. No more than 1.5 times that is ever allocated for
    ///   the content, and 8 MiB or the limit, whichever is larger, for the window of a streamed frame.
    /// - Throws: `corrupt` if a frame is malformed, cut off or followed by anything else; `tooLarge`.
    package static func decompress(
        _ bytes: UnsafeRawBufferPointer, limit: Int
    ) throws(CompressionError) -> [UInt8] {
        var output: [UInt8] = []
        try decompress(bytes, limit: limit, appendingTo: &output)
        return output
    }

    package static func decompress(
        _ bytes: [UInt8], limit: Int
    ) throws(CompressionError) -> [UInt8] {
        try borrow(bytes) { (raw) throws(CompressionError) in try decompress(raw, limit: limit) }
    }

    /// Expands to the end of `output`, which is unchanged after an error.
    /// - Returns: the number of bytes appended, at most `limit`.
    @discardableResult
    package static func decompress(
        _ bytes: UnsafeRawBufferPointer, limit: Int, appendingTo output: inout [UInt8]
    ) throws(CompressionError) -> Int {
        guard !bytes.isEmpty else { throw .corrupt(format: "zstd", reason: "empty input") }
        let start = output.count
        if let size = try soleFrameContentSize(bytes) {
            guard size <= UInt64(max(0, limit)) else { throw .tooLarge(limit: limit) }
            try appendFrame(bytes, contentCount: Int(size), to: &output)
        } else {
            try appendStream(bytes, limit: limit, to: &output)
        }
        return output.count - start
    }

    /// Expands content whose size is known from elsewhere, as that of stored blocks is.
    /// - Throws: `corrupt` also if the content is of another size.
    package static func decompress(
        _ bytes: UnsafeRawBufferPointer, exactly count: Int
    ) throws(CompressionError) -> [UInt8] {
        var output: [UInt8] = []
        try decompress(bytes, exactly: count, appendingTo: &output)
        return output
    }

    package static func decompress(
        _ bytes: [UInt8], exactly count: Int
    ) throws(CompressionError) -> [UInt8] {
        try borrow(bytes) { (raw) throws(CompressionError) in
            try decompress(raw, exactly: count)
        }
    }

    /// Expands exactly `count` bytes to the end of `output`, which is unchanged after an error.
    package static func decompress(
        _ bytes: UnsafeRawBufferPointer, exactly count: Int, appendingTo output: inout [UInt8]
    ) throws(CompressionError) {
        guard !bytes.isEmpty else { throw .corrupt(format: "zstd", reason: "empty input") }
        guard count >= 0 else { throw .corrupt(format: "zstd", reason: "size \(count) expected") }
        let start = output.count
        if let size = try soleFrameContentSize(bytes) {
            guard size == UInt64(count) else { throw wrongSize(size, expected: count) }
            try appendFrame(bytes, contentCount: count, to: &output)
        } else {
            try appendStream(bytes, limit: count, to: &output)
        }
        guard output.count - start == count else {
            defer { output.removeSubrange(start...) }
            throw wrongSize(output.count - start, expected: count)
        }
    }

    private static func compress(
        _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ level: Int32
    ) -> Int {
        let level = min(max(level, ZSTD_minCLevel()), ZSTD_maxCLevel())
        do throws(CompressionError) {
            return try compressors.withContext { (context) throws(CompressionError) in
                let written = ZSTD_compressCCtx(
                    context, output.baseAddress, output.count, bytes.baseAddress, bytes.count,
                    level)
                if ZSTD_isError(written) != 0 { throw corrupt(written) }
                return written
            }
        } catch {
            // With room for the worst case, only memory can run out; the allocator traps as well then.
            preconditionFailure("BUG: zstd cannot compress: \(error)")
        }
    }

    /// The content size that the header claims, if the input is one frame and says so. A claim that no
    /// frame of this length can keep is refused, so that nothing is allocated for it.
    private static func soleFrameContentSize(
        _ bytes: UnsafeRawBufferPointer
    ) throws(CompressionError) -> UInt64? {
        let size = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
        // The macros ZSTD_CONTENTSIZE_UNKNOWN and _ERROR are (0 − 1) and (0 − 2).
        if size == UInt64.max { return nil }
        if size == UInt64.max - 1 { throw .corrupt(format: "zstd", reason: "not a zstd frame") }
        guard size / UInt64(blockContentMax) <= UInt64(bytes.count / blockBytesMin) else {
            throw .corrupt(
                format: "zstd", reason: "claims \(size) bytes of content in \(bytes.count)")
        }
        return ZSTD_findFrameCompressedSize(bytes.baseAddress, bytes.count) == bytes.count
            ? size : nil
    }

    private static func appendFrame(
        _ bytes: UnsafeRawBufferPointer, contentCount: Int, to output: inout [UInt8]
    ) throws(CompressionError) {
        let result = try decompressors.withContext { (context) throws(CompressionError) in
            var result = 0
            output.append(addingCapacity: contentCount) { span in
                span.withUnsafeMutableBufferPointer { buffer, count in
                    result = ZSTD_decompressDCtx(
                        context, buffer.baseAddress, contentCount, bytes.baseAddress, bytes.count)
                    count = ZSTD_isError(result) == 0 ? result : 0
                }
            }
            return result
        }
        if ZSTD_isError(result) != 0 { throw corrupt(result) }
    }

    private static func appendStream(
        _ bytes: UnsafeRawBufferPointer, limit: Int, to output: inout [UInt8]
    ) throws(CompressionError) {
        let start = output.count
        let (guess, overflow) = bytes.count.multipliedReportingOverflow(by: 4)
        var growing = GrowingOutput(
            appendingTo: exchange(&output, with: []), expected: overflow ? bytes.count : guess,
            limit: limit)
        do throws(CompressionError) {
            try decompressors.withContext { (context) throws(CompressionError) in
                let log = Int32(Int.bitWidth - max(0, limit).leadingZeroBitCount)
                ZSTD_DCtx_setParameter(
                    context, ZSTD_d_windowLogMax, min(max(log, windowLogMin), windowLogMax))
                try stream(bytes, context, &growing)
            }
            output = growing.finish()
        } catch {
            output = growing.finish()
            output.removeSubrange(start...)
            throw error
        }
    }

    private static func stream(
        _ bytes: UnsafeRawBufferPointer, _ context: OpaquePointer, _ output: inout GrowingOutput
    ) throws(CompressionError) {
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        var isFrameComplete = false
        while true {
            let before = input.pos
            var result = 0
            var written = 0
            try output.append { free in
                var target = ZSTD_outBuffer(dst: free.baseAddress, size: free.count, pos: 0)
                result = ZSTD_decompressStream(context, &target, &input)
                written = target.pos
                return target.pos
            }
            if ZSTD_isError(result) != 0 { throw corrupt(result) }
            isFrameComplete = result == 0
            if isFrameComplete, input.pos == input.size { return }
            if !isFrameComplete, written == 0, input.pos == before {
                throw .corrupt(format: "zstd", reason: "ends too early")
            }
        }
    }

    private static func wrongSize(
        _ actual: some BinaryInteger, expected: Int
    ) -> CompressionError {
        .corrupt(format: "zstd", reason: "content of \(actual) bytes, expected \(expected)")
    }

    private static func corrupt(_ code: Int) -> CompressionError {
        let reason = String(cString: ZSTD_getErrorName(code))
        return ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation
            ? .failed(format: "zstd", reason: reason) : .corrupt(format: "zstd", reason: reason)
    }
}
