/// IP addresses in network order as people write them.
enum IPAddressText {
    /// `192.0.2.1` for 4 bytes, RFC 5952's form for 16; `nil` for any other length.
    static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
        switch bytes.count {
        case 4: bytes.map { String($0) }.joined(separator: ".")
        case 16:
            version6((0..<8).map { UInt16(bytes[2 * $0]) << 8 | UInt16(bytes[2 * $0 + 1]) })
        default: nil
        }
    }

    /// The longest run of at least two zero groups, the first of equals, becomes `::` (RFC 5952 §4.2).
    private static func version6(_ groups: [UInt16]) -> String {
        var longest = 0..<0
        var start = 0
        while start < groups.count {
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start > max(1, longest.count) { longest = start..<end }
            start = max(end, start + 1)
        }
        func text(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}
