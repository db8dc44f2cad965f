import QueryCore

/// Names of fields as names of labels: every character outside `[a-zA-Z0-9_]` becomes `_`, and a name
/// does not begin with a digit.
enum SanitizedName {
    /// Appends `key` to `path`, after `_` if it is inside another field.
    static func append(_ key: UnsafeRawBufferPointer, to path: inout [UInt8]) {
        let key = trimmed(key)
        if !path.isEmpty {
            path.append(UInt8(ascii: "_"))
        } else if let first = key.first, isDigit(first) {
            path.append(UInt8(ascii: "_"))
        }
        for byte in key where !isContinuation(byte) { path.append(sanitized(byte)) }
    }

    /// Whether `key` sanitised is `name`.
    ///
    /// - Parameter name: a label's name.
    @inline(__always)
    static func equals(_ key: UnsafeRawBufferPointer, _ name: [UInt8]) -> Bool {
        // Most keys begin with a letter, which stays as it is.
        if let first = key.first, isLetter(first), first != name.first { return false }
        return equalsAfterLetter(key, name)
    }

    private static func equalsAfterLetter(_ key: UnsafeRawBufferPointer, _ name: [UInt8]) -> Bool {
        if key.count == name.count, key.elementsEqual(name) { return true }
        // Most keys are names already.
        guard let first = key.first, !isDigit(first) else { return isOther(key, name) }
        if key.allSatisfy({ isLetter($0) || isDigit($0) }) { return false }
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

    @inline(__always)
    private static func isLetter(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
    }

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private static func sanitized(_ byte: UInt8) -> UInt8 {
        isLetter(byte) || isDigit(byte) ? byte : UInt8(ascii: "_")
    }
}
