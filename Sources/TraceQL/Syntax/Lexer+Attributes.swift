import QueryCore

/// Names of attributes: everything up to a space or one of `{}()=~!<>&|^,`, parts of it in double quotes
/// where they hold such characters.
extension Lexer {
    mutating func attributeName() throws(QueryError) -> String {
        var name: [UInt8] = []
        let first = position
        while let byte = peek(), Self.isNameByte(byte) {
            position += 1
            if byte == UInt8(ascii: "\"") {
                try appendQuotedPart(to: &name)
            } else {
                name.append(byte)
            }
        }
        guard position > first, !name.isEmpty else {
            throw failure("syntax error: an attribute needs a name")
        }
        return String(decoding: name, as: UTF8.self)
    }

    /// Reads to the closing quote; `\"` and `\\` are the only escapes.
    private mutating func appendQuotedPart(to name: inout [UInt8]) throws(QueryError) {
        while let byte = peek() {
            position += 1
            if byte == UInt8(ascii: "\"") { return }
            guard byte == UInt8(ascii: "\\") else {
                name.append(byte)
                continue
            }
            guard let escaped = peek(),
                escaped == UInt8(ascii: "\\") || escaped == UInt8(ascii: "\"")
            else { throw failure("invalid escape sequence") }
            name.append(escaped)
            position += 1
        }
        throw failure("unexpected EOF, expecting \"")
    }

    private static let nameEnds = Set("{}()=~!<>&|^,".utf8)

    static func isNameByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != 0x7F && !nameEnds.contains(byte)
    }
}
