/// A 128-bit trace id (W3C Trace Context §3.2.2.3). All zero means "none".
package struct TraceID: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    @inlinable package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static let invalid = TraceID(high: 0, low: 0)
    package var isValid: Bool { high | low != 0 }

    /// Parses 32 hexadecimal digits; 16 digits (Zipkin, B3) and any shorter run of at least one are
    /// the low bits, as Jaeger reads them.
    /// - Throws: `IdentifierError` naming the first bad digit or the wrong length.
    package init(hex: some StringProtocol) throws(IdentifierError) {
        let digits = Array(hex.utf8)
        guard (1...32).contains(digits.count) else {
            throw .wrongLength(expected: "1 to 32 hexadecimal digits", actual: digits.count)
        }
        let split = max(0, digits.count - 16)
        high = try HexDigits.parse(digits[..<split])
        low = try HexDigits.parse(digits[split...])
    }

    /// 32 lower-case hexadecimal digits.
    package var hex: String { HexDigits.string(high) + HexDigits.string(low) }
}

extension TraceID: Comparable, CustomStringConvertible {
    @inlinable package static func == (a: TraceID, b: TraceID) -> Bool {
        a.low == b.low && a.high == b.high
    }

    @inlinable package func hash(into hasher: inout Hasher) {
        hasher.combine(high)
        hasher.combine(low)
    }

    @inlinable package static func < (a: TraceID, b: TraceID) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }
    package var description: String { hex }
}

/// A 64-bit span id (W3C Trace Context §3.2.2.4). Zero means "none".
package struct SpanID: Hashable, Sendable {
    package var value: UInt64

    @inlinable package init(_ value: UInt64) { self.value = value }

    package static let invalid = SpanID(0)
    package var isValid: Bool { value != 0 }

    /// Parses 1 to 16 hexadecimal digits.
    package init(hex: some StringProtocol) throws(IdentifierError) {
        let digits = Array(hex.utf8)
        guard (1...16).contains(digits.count) else {
            throw .wrongLength(expected: "1 to 16 hexadecimal digits", actual: digits.count)
        }
        value = try HexDigits.parse(digits[...])
    }

    /// 16 lower-case hexadecimal digits.
    package var hex: String { HexDigits.string(value) }
}

extension SpanID: Comparable, CustomStringConvertible {
    @inlinable package static func < (a: SpanID, b: SpanID) -> Bool { a.value < b.value }
    package var description: String { hex }
}

/// Why a trace or span id could not be read.
package enum IdentifierError: Error, Equatable, CustomStringConvertible {
    case wrongLength(expected: String, actual: Int)
    case notHexadecimal(byte: UInt8, offset: Int)

    package var description: String {
        switch self {
        case .wrongLength(let expected, let actual):
            "id has \(actual) characters, expected \(expected)"
        case .notHexadecimal(let byte, let offset):
            "id has byte 0x\(String(byte, radix: 16)) at offset \(offset), expected a hexadecimal digit"
        }
    }
}

/// Hexadecimal digits of 64-bit words.
package enum HexDigits {
    /// Errors count offsets as the slice does, from the start of the array it was cut from.
    package static func parse(_ digits: ArraySlice<UInt8>) throws(IdentifierError) -> UInt64 {
        var value: UInt64 = 0
        for offset in digits.indices {
            guard let nibble = nibble(digits[offset]) else {
                throw .notHexadecimal(byte: digits[offset], offset: offset)
            }
            value = value << 4 | UInt64(nibble)
        }
        return value
    }

    @inlinable package static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    package static func string(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { buffer in
            for index in 0..<16 {
                let nibble = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 0xF
                buffer[index] =
                    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
            }
            return 16
        }
    }
}
