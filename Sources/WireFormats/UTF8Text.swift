/// Checks text that a decoder copies without passing it through a `StringTable`.
enum UTF8Text {
    @inline(__always)
    static func isValid(_ text: UnsafeRawBufferPointer) -> Bool {
        isASCII(text) || String(validating: text, as: UTF8.self) != nil
    }

    @inline(__always)
    static func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        var bits: UInt64 = 0
        while offset &+ 8 <= text.count {
            bits |= text.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        while offset < text.count {
            bits |= UInt64(text[offset])
            offset &+= 1
        }
        return bits & 0x8080_8080_8080_8080 == 0
    }
}
