import Telemetry

extension JSONReader {
    /// The content of the string that comes next: a range of the input if it has no escapes, else
    /// decoded into scratch memory that the next string overwrites.
    ///
    /// A surrogate without its other half becomes U+FFFD, as encoders of UTF-8 have no form for it.
    @inline(__always)
    package mutating func string() throws(DecodeError) -> UnsafeRawBufferPointer {
        guard skipWhitespace() == UInt8(ascii: "\"") else { throw failure("a string") }
        let start = offset &+ 1
        let end = JSONText.firstEscape(in: bytes, from: start)
        guard end < bytes.count, bytes[end] == UInt8(ascii: "\"") else {
            return try escapedString(from: start, firstEscape: end)
        }
        offset = end &+ 1
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    /// Moves past the string that starts at `offset` without decoding it.
    mutating func skipString() throws(DecodeError) {
        offset &+= 1
        while true {
            offset = JSONText.firstEscape(in: bytes, from: offset)
            guard offset < bytes.count else { throw failure("'\"'") }
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                offset &+= 1
                return
            case UInt8(ascii: "\\"): _ = try escape()
            default: throw failure("an escaped control character")
            }
        }
    }

    @inline(never)
    private mutating func escapedString(
        from start: Int, firstEscape: Int
    ) throws(DecodeError) -> UnsafeRawBufferPointer {
        var written = 0
        var runStart = start
        offset = firstEscape
        while true {
            guard offset < bytes.count else { throw failure("'\"'") }
            copy(runStart..<offset, to: &written)
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                offset &+= 1
                return UnsafeRawBufferPointer(rebasing: scratch[..<written])
            case UInt8(ascii: "\\"): put(try escape(), to: &written)
            default: throw failure("an escaped control character")
            }
            runStart = offset
            offset = JSONText.firstEscape(in: bytes, from: offset)
        }
    }

    /// The scalar of the escape at `offset`, which moves past it.
    private mutating func escape() throws(DecodeError) -> UInt32 {
        offset &+= 1
        guard offset < bytes.count else { throw failure("an escape") }
        let scalar: UInt32
        switch bytes[offset] {
        case UInt8(ascii: "\""): scalar = 0x22
        case UInt8(ascii: "\\"): scalar = 0x5C
        case UInt8(ascii: "/"): scalar = 0x2F
        case UInt8(ascii: "b"): scalar = 0x08
        case UInt8(ascii: "f"): scalar = 0x0C
        case UInt8(ascii: "n"): scalar = 0x0A
        case UInt8(ascii: "r"): scalar = 0x0D
        case UInt8(ascii: "t"): scalar = 0x09
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw failure("one of \"\\/bfnrtu after '\\'")
        }
        offset &+= 1
        return scalar
    }

    /// `\uXXXX`, of which `offset` is at the `u`, with the low surrogate that may follow.
    private mutating func unicodeEscape() throws(DecodeError) -> UInt32 {
        offset &+= 1
        let unit = try hexUnit()
        guard 0xD800...0xDFFF ~= unit else { return unit }
        guard unit < 0xDC00, bytes.count - offset >= 6, bytes[offset] == UInt8(ascii: "\\"),
            bytes[offset + 1] == UInt8(ascii: "u")
        else { return 0xFFFD }
        let afterHigh = offset
        offset += 2
        let low = try hexUnit()
        guard 0xDC00...0xDFFF ~= low else {
            offset = afterHigh
            return 0xFFFD
        }
        return 0x1_0000 + (unit - 0xD800) << 10 + (low - 0xDC00)
    }

    private mutating func hexUnit() throws(DecodeError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard offset < bytes.count, let nibble = HexDigits.nibble(bytes[offset]) else {
                throw failure("a hexadecimal digit")
            }
            unit = unit << 4 | UInt32(nibble)
            offset &+= 1
        }
        return unit
    }

    private mutating func copy(_ range: Range<Int>, to written: inout Int) {
        // Room for the longest scalar too, so that `put` needs no check.
        let needed = written + range.count + 4
        if needed > scratch.count { grow(to: needed, keeping: written) }
        UnsafeMutableRawBufferPointer(rebasing: scratch[written...])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
        written += range.count
    }

    private mutating func grow(to needed: Int, keeping written: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(256, needed * 2), alignment: 1)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: scratch[..<written]))
        scratch.deallocate()
        scratch = larger
    }

    private func put(_ scalar: UInt32, to written: inout Int) {
        switch scalar {
        case ..<0x80:
            scratch[written] = UInt8(truncatingIfNeeded: scalar)
            written += 1
        case ..<0x800:
            scratch[written] = 0xC0 | UInt8(truncatingIfNeeded: scalar >> 6)
            scratch[written + 1] = 0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F)
            written += 2
        case ..<0x1_0000:
            scratch[written] = 0xE0 | UInt8(truncatingIfNeeded: scalar >> 12)
            scratch[written + 1] = 0x80 | UInt8(truncatingIfNeeded: scalar >> 6 & 0x3F)
            scratch[written + 2] = 0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F)
            written += 3
        default:
            scratch[written] = 0xF0 | UInt8(truncatingIfNeeded: scalar >> 18)
            scratch[written + 1] = 0x80 | UInt8(truncatingIfNeeded: scalar >> 12 & 0x3F)
            scratch[written + 2] = 0x80 | UInt8(truncatingIfNeeded: scalar >> 6 & 0x3F)
            scratch[written + 3] = 0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F)
            written += 4
        }
    }
}
