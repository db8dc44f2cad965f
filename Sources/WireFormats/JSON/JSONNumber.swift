import Glibc

/// A number as it stands in JSON text; converted when asked.
package struct JSONNumber {
    /// The text, which follows RFC 8259 §6; valid as long as the input.
    package let text: UnsafeRawBufferPointer
    /// Whether it has neither fraction nor exponent.
    package let isInteger: Bool

    /// The value if it is a whole number in range: `12`, and also `12.0` and `1.2e1`, as proto3's JSON
    /// mapping wants.
    package var int64: Int64? {
        guard isInteger else { return Int64(exactly: double) }
        let isNegative = text[0] == UInt8(ascii: "-")
        guard let magnitude = JSONNumber.digits(text, from: isNegative ? 1 : 0) else { return nil }
        guard isNegative else { return Int64(exactly: magnitude) }
        return magnitude <= Int64.min.magnitude ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
    }

    package var uint64: UInt64? {
        guard isInteger else { return UInt64(exactly: double) }
        guard text[0] == UInt8(ascii: "-") else { return JSONNumber.digits(text, from: 0) }
        return JSONNumber.digits(text, from: 1) == 0 ? 0 : nil
    }

    /// The nearest double (ties to even); ±infinity beyond the range.
    ///
    /// With at most 2^53 in digits and 10^22 in the power of ten, both are exact doubles and one
    /// multiplication or division rounds correctly (Clinger, PLDI 1990). `strtod` does the rest.
    package var double: Double {
        var offset = text[0] == UInt8(ascii: "-") ? 1 : 0
        let isNegative = offset == 1
        var mantissa: UInt64 = 0
        var digitCount = 0
        var exponent = 0
        var isFraction = false
        while offset < text.count {
            let byte = text[offset]
            if byte == UInt8(ascii: ".") {
                isFraction = true
            } else if byte &- UInt8(ascii: "0") <= 9 {
                mantissa = mantissa &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
                if mantissa != 0 { digitCount += 1 }
                if isFraction { exponent -= 1 }
            } else {
                break
            }
            offset += 1
        }
        guard digitCount <= 19, mantissa <= 1 << 53, offset == text.count || text.count < 32 else {
            return slowDouble
        }
        if offset < text.count { exponent += JSONNumber.exponent(text, after: offset) }
        let magnitude: Double
        switch exponent {
        case 0: magnitude = Double(mantissa)
        case 1...22: magnitude = Double(mantissa) * JSONNumber.powers[exponent]
        case -22...(-1): magnitude = Double(mantissa) / JSONNumber.powers[-exponent]
        default: return slowDouble
        }
        return isNegative ? -magnitude : magnitude
    }

    private static let powers: [23 of Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]

    /// The program never leaves the C locale, so the point is a point.
    private var slowDouble: Double {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { copy in
            UnsafeMutableRawBufferPointer(copy).copyMemory(from: text)
            copy[text.count] = 0
            return copy.baseAddress.map { strtod($0, nil) } ?? 0
        }
    }

    /// The signed digits after the `e` at `offset`; the text is short, so they cannot overflow.
    private static func exponent(_ text: UnsafeRawBufferPointer, after offset: Int) -> Int {
        var offset = offset + 1
        let isNegative = text[offset] == UInt8(ascii: "-")
        if isNegative || text[offset] == UInt8(ascii: "+") { offset += 1 }
        var exponent = 0
        while offset < text.count {
            exponent = min(100_000, exponent * 10 + Int(text[offset] &- UInt8(ascii: "0")))
            offset += 1
        }
        return isNegative ? -exponent : exponent
    }

    private static func digits(_ text: UnsafeRawBufferPointer, from start: Int) -> UInt64? {
        var value: UInt64 = 0
        // 19 digits always fit; only then can the next ones overflow.
        let safeEnd = min(text.count, start + 19)
        var offset = start
        while offset < safeEnd {
            value = value &* 10 &+ UInt64(text[offset] &- UInt8(ascii: "0"))
            offset &+= 1
        }
        while offset < text.count {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(
                UInt64(text[offset] &- UInt8(ascii: "0")))
            if overflow || overflow2 { return nil }
            value = sum
            offset &+= 1
        }
        return value
    }
}

extension JSONNumber {
    /// A number that stands as text elsewhere, such as in a JSON string; `nil` unless the whole text is
    /// a JSON number.
    package init?(text: UnsafeRawBufferPointer) {
        guard let (end, isInteger) = JSONNumber.scan(text, from: 0), end == text.count else {
            return nil
        }
        self.init(text: text, isInteger: isInteger)
    }

    /// The end of the number at `start` and whether it is an integer; `nil` if it breaks the grammar.
    @inline(__always)
    static func scan(
        _ bytes: UnsafeRawBufferPointer, from start: Int
    ) -> (end: Int, isInteger: Bool)? {
        var offset = start
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") { offset &+= 1 }
        let whole = offset
        guard skipDigits(bytes, &offset) else { return nil }
        if bytes[whole] == UInt8(ascii: "0"), offset > whole &+ 1 { return nil }
        var isInteger = true
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
            offset &+= 1
            isInteger = false
            guard skipDigits(bytes, &offset) else { return nil }
        }
        if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            offset &+= 1
            isInteger = false
            if offset < bytes.count,
                bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-")
            {
                offset &+= 1
            }
            guard skipDigits(bytes, &offset) else { return nil }
        }
        return (offset, isInteger)
    }

    @inline(__always)
    private static func skipDigits(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Bool {
        let start = offset
        while offset < bytes.count, bytes[offset] &- UInt8(ascii: "0") <= 9 { offset &+= 1 }
        return offset > start
    }
}

extension JSONReader {
    /// The number that comes next.
    @inline(__always)
    package mutating func number() throws(DecodeError) -> JSONNumber {
        let first = skipWhitespace()
        guard first == UInt8(ascii: "-") || first &- UInt8(ascii: "0") <= 9 else {
            throw failure("a number")
        }
        let start = offset
        guard let (end, isInteger) = JSONNumber.scan(bytes, from: start) else {
            throw failure("a number as RFC 8259 writes it")
        }
        offset = end
        return JSONNumber(
            text: UnsafeRawBufferPointer(rebasing: bytes[start..<end]), isInteger: isInteger)
    }
}
