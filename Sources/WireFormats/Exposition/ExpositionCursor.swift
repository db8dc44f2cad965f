/// Why a line is not an exposition's.
struct ExpositionFailure: Error {
    var reason: String
    /// In the line, from 0.
    var offset: Int
}

/// Reads one line of an exposition. `byte` is 0 at its end, which no rule accepts.
struct ExpositionCursor {
    let line: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ line: UnsafeRawBufferPointer) { self.line = line }

    @inline(__always) var byte: UInt8 { offset < line.count ? line[offset] : 0 }
    @inline(__always) var isAtEnd: Bool { offset >= line.count }

    func failure(_ reason: String) -> ExpositionFailure {
        ExpositionFailure(reason: reason, offset: offset)
    }

    @inline(__always)
    mutating func skipBlanks() {
        while byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { offset &+= 1 }
    }

    /// Takes `expected` if it comes next.
    @inline(__always)
    mutating func take(_ expected: UInt8) -> Bool {
        guard offset < line.count, line[offset] == expected else { return false }
        offset &+= 1
        return true
    }

    /// What comes until the next blank or the end.
    @inline(__always)
    mutating func word() -> UnsafeRawBufferPointer {
        let start = offset
        while offset < line.count, line[offset] != UInt8(ascii: " "),
            line[offset] != UInt8(ascii: "\t")
        {
            offset &+= 1
        }
        return UnsafeRawBufferPointer(rebasing: line[start..<offset])
    }

    /// What is left.
    mutating func rest() -> UnsafeRawBufferPointer {
        let start = min(offset, line.count)
        offset = line.count
        return UnsafeRawBufferPointer(rebasing: line[start...])
    }

    /// A name without quotes; empty if none comes.
    /// - Parameter allowsColon: metric names may have colons, label names not.
    @inline(__always)
    mutating func name(allowsColon: Bool) -> UnsafeRawBufferPointer {
        let start = offset
        while offset < line.count {
            let byte = line[offset]
            let isLetter = (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte == UInt8(ascii: "_")
            let isDigit = byte &- UInt8(ascii: "0") <= 9
            let isColon = allowsColon && byte == UInt8(ascii: ":")
            guard isLetter || isColon || (isDigit && offset > start) else { break }
            offset &+= 1
        }
        return UnsafeRawBufferPointer(rebasing: line[start..<offset])
    }

    /// Reads on behind an opening quote up to the closing one, giving the content piece by piece without
    /// its escapes. An unknown escape stands for itself.
    mutating func quoted(
        _ append: (UnsafeRawBufferPointer) -> Void
    ) throws(ExpositionFailure) {
        var start = offset
        while offset < line.count {
            switch line[offset] {
            case UInt8(ascii: "\""):
                append(UnsafeRawBufferPointer(rebasing: line[start..<offset]))
                offset &+= 1
                return
            case UInt8(ascii: "\\") where offset &+ 1 < line.count:
                append(UnsafeRawBufferPointer(rebasing: line[start..<offset]))
                start = Self.unescape(line, at: offset, append)
                offset &+= 2
            default: offset &+= 1
            }
        }
        throw failure("a quoted text does not end")
    }

    /// Gives what the escape at `offset` stands for, and returns where unescaped text goes on.
    private static func unescape(
        _ line: UnsafeRawBufferPointer, at offset: Int,
        _ append: (UnsafeRawBufferPointer) -> Void
    ) -> Int {
        switch line[offset &+ 1] {
        case UInt8(ascii: "n"): withUnsafeBytes(of: UInt8(ascii: "\n"), append)
        case UInt8(ascii: "\\"), UInt8(ascii: "\""):
            append(UnsafeRawBufferPointer(rebasing: line[(offset &+ 1)..<(offset &+ 2)]))
        default: return offset
        }
        return offset &+ 2
    }

    /// The text of `HELP`, where `\\`, `\n` and (in OpenMetrics) `\"` are escapes.
    static func unescaped(_ help: UnsafeRawBufferPointer) -> [UInt8] {
        var text: [UInt8] = []
        var offset = 0
        while offset < help.count {
            if help[offset] == UInt8(ascii: "\\"), offset + 1 < help.count {
                let next = unescape(help, at: offset) { text.append(contentsOf: $0) }
                if next > offset {
                    offset = next
                    continue
                }
            }
            text.append(help[offset])
            offset += 1
        }
        return text
    }
}
