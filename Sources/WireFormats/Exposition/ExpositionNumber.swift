import Glibc

/// Numbers as expositions write them: what Go's `strconv.ParseFloat` takes, without hexadecimal forms and
/// underscores, which Prometheus refuses too.
enum ExpositionNumber {
    /// More digits than any float prints.
    private static let characterMax = 512

    static func double(_ text: UnsafeRawBufferPointer) -> Double? {
        if let number = JSONNumber(text: text) { return number.double }
        guard !text.isEmpty, text.count <= characterMax else { return nil }
        return named(text) ?? decimal(text)
    }

    /// A whole number, as the text format writes milliseconds.
    static func int64(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard let number = JSONNumber(text: text), number.isInteger else { return nil }
        return number.int64
    }

    /// `NaN`, `Inf` and `Infinity` with or without a sign, in any case.
    private static func named(_ text: UnsafeRawBufferPointer) -> Double? {
        let isNegative = text[0] == UInt8(ascii: "-")
        let isSigned = isNegative || text[0] == UInt8(ascii: "+")
        let name = text.dropFirst(isSigned ? 1 : 0)
        func spells(_ word: StaticString) -> Bool {
            word.withUTF8Buffer { word in name.lazy.map { $0 | 0x20 }.elementsEqual(word) }
        }
        if spells("inf") || spells("infinity") { return isNegative ? -.infinity : .infinity }
        // The plain NaN of Prometheus's data model, not a stale marker.
        return spells("nan") ? Double(bitPattern: 0x7FF8_0000_0000_0001) : nil
    }

    /// Forms that JSON does not have: `+1`, `.5`, `1.`, `007`.
    private static func decimal(_ text: UnsafeRawBufferPointer) -> Double? {
        var offset = 0
        func isDigit() -> Bool { offset < text.count && text[offset] &- UInt8(ascii: "0") <= 9 }
        func isOne(of characters: UInt8...) -> Bool {
            offset < text.count && characters.contains(text[offset])
        }
        if isOne(of: UInt8(ascii: "+"), UInt8(ascii: "-")) { offset += 1 }
        var digits = 0
        while isDigit() { (offset, digits) = (offset + 1, digits + 1) }
        if isOne(of: UInt8(ascii: ".")) {
            offset += 1
            while isDigit() { (offset, digits) = (offset + 1, digits + 1) }
        }
        guard digits > 0 else { return nil }
        if isOne(of: UInt8(ascii: "e"), UInt8(ascii: "E")) {
            offset += 1
            if isOne(of: UInt8(ascii: "+"), UInt8(ascii: "-")) { offset += 1 }
            guard isDigit() else { return nil }
            while isDigit() { offset += 1 }
        }
        guard offset == text.count else { return nil }
        // The program never leaves the C locale, so the point is a point.
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { copy in
            UnsafeMutableRawBufferPointer(copy).copyMemory(from: text)
            copy[text.count] = 0
            return copy.baseAddress.map { strtod($0, nil) }
        }
    }
}
