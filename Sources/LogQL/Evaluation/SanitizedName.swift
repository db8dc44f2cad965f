import QueryCore

/// Names of fields as names of labels: every character outside `[a-zA-Z0-9_]` becomes `_`, and a name
/// does not begin with a digit.
enum SanitizedName {
    /// Appends `key` to `path`, after `_` if it is inside another field.
    static func append(_ key: UnsafeRawBufferPointer, to path: inout [UInt8]) {
        let key = trimmed(key)
        if !path.isEmpty {
            path.append(UInt8(ascii: "_"))
        } else if let first = key.first, Lexer.isDigit(first) {
            path.append(UInt8(ascii: "_"))
        }
        for byte in key where !isContinuation(byte) { path.append(sanitized(byte)) }
    }

    /// Whether `key` sanitised is `name`.
    ///
    /// - Parameter name: a label's name.
    static func equals(_ key: UnsafeRawBufferPointer, _ name: [UInt8]) -> Bool {
        if key.count == name.count, key.elementsEqual(name) { return true }
        // Most keys are names already.
        guard let first = key.first, !Lexer.isDigit(first) else { return isOther(key, name) }
        if key.allSatisfy({ Lexer.isAlpha($0) || Lexer.isDigit($0) }) { return false }
        return isOther(key, name)
    }

    private static func isOther(_ key: UnsafeRawBufferPointer, _ name: [UInt8]) -> Bool {
        var path: [UInt8] = []
        append(key, to: &path)
        return path == name
    }

    private static func trimmed(_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var range = 0..<key.count
        while let first = range.first, isSpace(key[first]) {
            range = (first + 1)..<range.upperBound
        }
        while let last = range.last, isSpace(key[last]) { range = range.lowerBound..<last }
        return UnsafeRawBufferPointer(rebasing: key[range])
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte)
    }

    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    private static func sanitized(_ byte: UInt8) -> UInt8 {
        Lexer.isAlpha(byte) || Lexer.isDigit(byte) ? byte : UInt8(ascii: "_")
    }
}
