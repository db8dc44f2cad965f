/// The literal that every whole match of a pattern begins with, read off the pattern's text.
enum LiteralPrefix {
    /// Possibly shorter than the longest one, never longer. For patterns of any kind.
    static func scan(_ source: String) -> String {
        let bytes = Array(source.utf8)
        var offset = bytes.first == UInt8(ascii: "^") ? 1 : 0
        var prefix: [UInt8] = []
        var lastCharacter = 0
        while offset < bytes.count {
            var byte = bytes[offset]
            var width = 1
            if byte == UInt8(ascii: "\\"), offset + 1 < bytes.count,
                SimplePattern.isPunctuation(bytes[offset + 1])
            {
                byte = bytes[offset + 1]
                width = 2
            } else if SimplePattern.isSpecial(byte) {
                break
            }
            let isContinuation = byte & 0xC0 == 0x80
            if !isContinuation { lastCharacter = prefix.count }
            prefix.append(byte)
            offset += width
        }
        guard !hasTopLevelAlternation(bytes, from: offset) else { return "" }
        if offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "{"):
                prefix.removeSubrange(lastCharacter...)
            default: break
            }
        }
        return String(decoding: prefix, as: UTF8.self)
    }

    /// Whether a `|` outside of groups and classes follows. Says yes when in doubt (`\Q…\E`).
    private static func hasTopLevelAlternation(_ bytes: [UInt8], from start: Int) -> Bool {
        var offset = start
        var depth = 0
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\\"):
                if offset + 1 < bytes.count, bytes[offset + 1] == UInt8(ascii: "Q") { return true }
                offset += 1
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"): depth -= 1
            case UInt8(ascii: "["): offset = endOfClass(bytes, from: offset)
            case UInt8(ascii: "|"):
                if depth == 0 { return true }
            default: break
            }
            offset += 1
        }
        return false
    }

    /// The offset of the `]` that ends the class that begins at `start`.
    private static func endOfClass(_ bytes: [UInt8], from start: Int) -> Int {
        var offset = start + 1
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "^") { offset += 1 }
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "]") { offset += 1 }
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "]") {
            if bytes[offset] == UInt8(ascii: "\\") {
                offset += 1
            } else if bytes[offset...].starts(with: "[:".utf8),
                let end = bytes[(offset + 2)...].firstIndex(of: UInt8(ascii: "]"))
            {
                offset = end
            }
            offset += 1
        }
        return offset
    }
}
