import Telemetry
import Testing

@Suite("identifiers")
struct IdentifierTests {
    @Test("a trace id reads back what it prints")
    func traceRoundTrip() throws {
        var dice = Dice(seed: 1)
        for _ in 0..<500 {
            let id = TraceID(high: dice.next() >> UInt64(dice.roll(64)), low: dice.next())
            #expect(id.hex.utf8.count == 32)
            #expect(try TraceID(hex: id.hex) == id)
            #expect(try TraceID(hex: id.hex.uppercased()) == id)
            #expect("\(id)" == id.hex)
        }
    }

    @Test(
        "fewer digits are the low bits of a trace id",
        arguments: [
            ("1", 0, 1), ("00ff", 0, 255), ("ffffffffffffffff", 0, .max),
            ("1ffffffffffffffff", 1, .max), ("f0000000000000000000000000000001", 0xF << 60, 1),
        ] as [(String, UInt64, UInt64)])
    func shortTrace(hex: String, high: UInt64, low: UInt64) throws {
        #expect(try TraceID(hex: hex) == TraceID(high: high, low: low))
    }

    @Test("a trace id of no digits or too many is refused with its length")
    func traceLength() {
        for length in [0, 33, 64] {
            #expect(
                throws: IdentifierError.wrongLength(
                    expected: "1 to 32 hexadecimal digits", actual: length)
            ) { try TraceID(hex: String(repeating: "a", count: length)) }
        }
    }

    @Test("a bad digit is named with its place in the whole text, wherever it is")
    func badDigit() {
        for offset in 0..<32 {
            for bad in ["g", "G", "-", " ", "@", "`", "/", ":"] {
                var digits = Array(repeating: "a", count: 32)
                digits[offset] = bad
                #expect(
                    throws: IdentifierError.notHexadecimal(byte: bad.utf8.first!, offset: offset)
                ) { try TraceID(hex: digits.joined()) }
            }
        }
        #expect(throws: IdentifierError.notHexadecimal(byte: 0xC3, offset: 1)) {
            try SpanID(hex: "aé")
        }
    }

    @Test("a span id reads back what it prints")
    func spans() throws {
        var dice = Dice(seed: 2)
        for _ in 0..<500 {
            let id = SpanID(dice.next() >> UInt64(dice.roll(64)))
            #expect(id.hex.utf8.count == 16)
            #expect(try SpanID(hex: id.hex) == id)
        }
        #expect(try SpanID(hex: "a") == SpanID(10))
        for length in [0, 17] {
            #expect(
                throws: IdentifierError.wrongLength(
                    expected: "1 to 16 hexadecimal digits", actual: length)
            ) { try SpanID(hex: String(repeating: "0", count: length)) }
        }
    }

    @Test("all zero is no id, and ids are in the order of their digits")
    func orderAndValidity() {
        #expect(!TraceID.invalid.isValid && !SpanID.invalid.isValid)
        #expect(TraceID(high: 1, low: 0).isValid && TraceID(high: 0, low: 1).isValid)
        var dice = Dice(seed: 3)
        let ids = (0..<200).map { _ in
            TraceID(high: UInt64(dice.roll(3)), low: dice.next() << UInt64(dice.roll(64)))
        }
        #expect(ids.sorted().map(\.hex) == ids.map(\.hex).sorted())
    }

    @Test("errors say what was found and what was expected")
    func descriptions() {
        #expect(
            IdentifierError.wrongLength(expected: "1 to 16 hexadecimal digits", actual: 17)
                .description == "id has 17 characters, expected 1 to 16 hexadecimal digits")
        #expect(
            IdentifierError.notHexadecimal(byte: 0x67, offset: 3).description
                == "id has byte 0x67 at offset 3, expected a hexadecimal digit")
    }
}
