import CZlib

/// DEFLATE (RFC 1951) in its three wrappers, by zlib.
package enum Zlib {
    package enum Format: Sendable, Hashable {
        /// RFC 1952; HTTP's `gzip`.
        case gzip
        /// RFC 1950; HTTP's `deflate` as specified.
        case zlib
        /// RFC 1951 alone; HTTP's `deflate` as some senders understand it.
        case raw
        /// On expansion whichever of the three the first bytes show; on compression gzip.
        ///
        /// Never ambiguous: a raw stream of any known encoder cannot begin like the others. `1F` would be
        /// the reserved block type, and a low nibble of 8 a stored block with non-zero padding.
        case automatic

        fileprivate var name: String {
            switch self {
            case .gzip: "gzip"
            case .zlib: "zlib"
            case .raw: "deflate"
            case .automatic: "gzip or deflate"
            }
        }

        /// zlib's code for wrapper and 32 KiB window (zlib.h, `inflateInit2`, `deflateInit2`).
        fileprivate var windowBits: Int32 {
            switch self {
            case .gzip, .automatic: 15 + 16
            case .zlib: 15
            case .raw: -15
            }
        }
    }

    /// Expands a whole stream; for gzip, of one or several members.
    /// - Parameter limit: the most bytes to expand to. No more than 1.5 times that is ever allocated.
    /// - Throws: `corrupt` if the stream is malformed, cut off or followed by anything else; `tooLarge`.
    package static func decompress(
        _ bytes: UnsafeRawBufferPointer, format: Format, limit: Int
    ) throws(CompressionError) -> [UInt8] {
        let format = format == .automatic ? detect(bytes) : format
        guard !bytes.isEmpty else { throw .corrupt(format: format.name, reason: "empty input") }
        var stream = z_stream()
        let status = inflateInit2_(
            &stream, format.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw failure(&stream, status, format) }
        defer { inflateEnd(&stream) }

        let (guess, overflow) = bytes.count.multipliedReportingOverflow(by: 4)
        var output = GrowingOutput(expected: overflow ? bytes.count : guess, limit: limit)
        var input = Input(bytes)
        while true {
            let status = try step(&stream, &input, &output, inflate, Z_NO_FLUSH)
            switch status {
            case Z_OK: continue
            case Z_STREAM_END where input.isConsumed(by: stream): return output.finish()
            case Z_STREAM_END where format == .gzip: inflateReset(&stream)
            case Z_STREAM_END:
                throw .corrupt(format: format.name, reason: "bytes after the end of the stream")
            case Z_BUF_ERROR where input.isConsumed(by: stream):
                throw .corrupt(format: format.name, reason: "ends too early")
            default: throw failure(&stream, status, format)
            }
        }
    }

    package static func decompress(
        _ bytes: [UInt8], format: Format, limit: Int
    ) throws(CompressionError) -> [UInt8] {
        try borrow(bytes) { (raw) throws(CompressionError) in
            try decompress(raw, format: format, limit: limit)
        }
    }

    /// Expands as much of a gzip stream as fits and is there: of one that is too long or cut off, what
    /// comes first.
    /// - Throws: `corrupt` if it is malformed before that.
    package static func decompressPrefix(
        _ bytes: UnsafeRawBufferPointer, limit: Int
    ) throws(CompressionError) -> (bytes: [UInt8], isWhole: Bool) {
        var stream = z_stream()
        let status = inflateInit2_(
            &stream, Format.gzip.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw failure(&stream, status, .gzip) }
        defer { inflateEnd(&stream) }
        let (guess, overflow) = bytes.count.multipliedReportingOverflow(by: 4)
        var output = GrowingOutput(expected: overflow ? bytes.count : guess, limit: limit)
        var input = Input(bytes)
        while true {
            let status: Int32
            do throws(CompressionError) {
                status = try step(&stream, &input, &output, inflate, Z_NO_FLUSH)
            } catch .tooLarge {
                return (Array(output.finish().prefix(limit)), false)
            } catch {
                throw error
            }
            switch status {
            case Z_OK: continue
            case Z_STREAM_END where input.isConsumed(by: stream): return (output.finish(), true)
            case Z_STREAM_END: inflateReset(&stream)
            case Z_BUF_ERROR where input.isConsumed(by: stream): return (output.finish(), false)
            default: throw failure(&stream, status, .gzip)
            }
        }
    }

    /// Compresses to one stream (one gzip member). Equal input gives equal output: gzip's time is unset.
    /// - Parameter level: 0 (stored) to 9; others are clamped.
    package static func compress(
        _ bytes: UnsafeRawBufferPointer, format: Format, level: Int32 = 6
    ) throws(CompressionError) -> [UInt8] {
        var stream = z_stream()
        let memoryLevel: Int32 = 8
        let status = deflateInit2_(
            &stream, min(max(level, 0), 9), Z_DEFLATED, format.windowBits, memoryLevel,
            Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw failure(&stream, status, format) }
        defer { deflateEnd(&stream) }

        var output = GrowingOutput(expected: bytes.count / 4 + 64, limit: .max)
        var input = Input(bytes)
        while true {
            let status = try step(&stream, &input, &output, deflate, Z_FINISH)
            switch status {
            case Z_OK, Z_BUF_ERROR: continue
            case Z_STREAM_END: return output.finish()
            default: throw failure(&stream, status, format)
            }
        }
    }

    package static func compress(
        _ bytes: [UInt8], format: Format, level: Int32 = 6
    ) throws(CompressionError) -> [UInt8] {
        try borrow(bytes) { (raw) throws(CompressionError) in
            try compress(raw, format: format, level: level)
        }
    }

    private static func detect(_ bytes: UnsafeRawBufferPointer) -> Format {
        guard bytes.count >= 2 else { return .raw }
        if bytes[0] == 0x1F, bytes[1] == 0x8B { return .gzip }
        let isDeflateMethod = bytes[0] & 0x0F == 8 && bytes[0] >> 4 <= 7
        let header = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
        return isDeflateMethod && header % 31 == 0 ? .zlib : .raw
    }

    /// Input handed to zlib in pieces that its 32-bit counters can hold.
    private struct Input {
        private var rest: UnsafeRawBufferPointer

        init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

        var isLast: Bool { rest.isEmpty }

        mutating func feed(_ stream: inout z_stream) {
            guard stream.avail_in == 0, !rest.isEmpty else { return }
            let count = min(rest.count, Int(UInt32.max))
            let piece = rest.prefix(count)
            stream.next_in = UnsafeMutablePointer(
                mutating: UnsafeRawBufferPointer(rebasing: piece).assumingMemoryBound(
                    to: UInt8.self
                )
                .baseAddress)
            stream.avail_in = UInt32(count)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }

        func isConsumed(by stream: z_stream) -> Bool { stream.avail_in == 0 && rest.isEmpty }
    }

    /// One call of `inflate` or `deflate` into free output space. `flush` counts once all input is fed.
    private static func step(
        _ stream: inout z_stream, _ input: inout Input, _ output: inout GrowingOutput,
        _ code: (z_streamp, Int32) -> Int32, _ flush: Int32
    ) throws(CompressionError) -> Int32 {
        input.feed(&stream)
        var status = Z_OK
        try output.append { free in
            stream.next_out = free.assumingMemoryBound(to: UInt8.self).baseAddress
            stream.avail_out = UInt32(clamping: free.count)
            let offered = stream.avail_out
            status = code(&stream, input.isLast ? flush : Z_NO_FLUSH)
            return Int(offered - stream.avail_out)
        }
        return status
    }

    private static func failure(
        _ stream: inout z_stream, _ status: Int32, _ format: Format
    ) -> CompressionError {
        switch status {
        case Z_MEM_ERROR: return .failed(format: format.name, reason: "out of memory")
        case Z_NEED_DICT:
            return .corrupt(format: format.name, reason: "needs a preset dictionary")
        case Z_DATA_ERROR:
            let reason = stream.msg.map { String(cString: $0) } ?? "invalid data"
            return .corrupt(format: format.name, reason: reason)
        default: return .failed(format: format.name, reason: "zlib status \(status)")
        }
    }
}
