import Telemetry

/// What HAProxy captures of headers: their values with `|` between, in the order of its configuration
/// (HAProxy configuration manual, §8.8).
enum CapturedHeaders {
    static func each(
        of text: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var start = 0
        for end in 0...text.count where end == text.count || text[end] == UInt8(ascii: "|") {
            if end > start { body(UnsafeRawBufferPointer(rebasing: text[start..<end])) }
            start = end + 1
        }
    }

    /// The first value that is a UUID, which is what request ids are.
    static func requestID(in text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var found: UnsafeRawBufferPointer?
        each(of: text) { value in if found == nil, isUUID(value) { found = value } }
        return found
    }

    private static func isUUID(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count == 36 else { return false }
        return text.indices.allSatisfy { index in
            switch index {
            case 8, 13, 18, 23: text[index] == UInt8(ascii: "-")
            default: HexDigits.nibble(text[index] | 0x20) != nil
            }
        }
    }
}
