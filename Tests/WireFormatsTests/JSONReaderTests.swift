import Foundation
import Telemetry
import Testing
import WireFormats

@Suite("JSONReader")
struct JSONReaderTests {
    @Test("a document is read as it was generated, whatever its white space and escapes")
    func randomDocuments() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = JSONGenerator(seed: seed)
        for _ in 0..<2_000 {
            let (text, value) = generator.document()
            let read = try readDocument(text)
            #expect(read == value, "seed \(seed): \(String(decoding: text, as: UTF8.self))")
            #expect(try skipDocument(text) == trimmed(text), "seed \(seed)")
        }
    }

    @Test("a document cut off at any byte is refused, read or skipped")
    func truncation() throws {
        var generator = JSONGenerator(seed: 7)
        for _ in 0..<40 {
            let (text, _) = generator.document(isContainer: true)
            for length in 0..<trimmed(text).count {
                #expect(throws: DecodeError.self) { try readDocument(Array(text[..<length])) }
                #expect(throws: DecodeError.self) { try skipDocument(Array(text[..<length])) }
            }
        }
    }

    @Test(
        "with one byte changed, skipping and reading agree on whether it is JSON, and nothing traps"
    )
    func corruption() throws {
        var generator = JSONGenerator(seed: 8)
        for _ in 0..<60 {
            let (text, _) = generator.document(isContainer: true)
            for index in text.indices {
                var broken = text
                broken[index] = UInt8(truncatingIfNeeded: generator.next())
                let read = (try? readDocument(broken)) != nil
                let skipped = (try? skipDocument(broken)) != nil
                #expect(read == skipped, "\(String(decoding: broken, as: UTF8.self))")
            }
        }
    }

    @Test(
        "text that only resembles JSON is refused",
        arguments: [
            "", " ", "{", "}", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}",
            "{a:1}", "{1:2}", "[1}", "{\"a\":1]", "01", "-", "+1", ".5", "1.", "1e", "1e+", "-a",
            "0x10", "NaN", "Infinity", "nul", "tru", "truE", "falsey", "'a'", "\"a", "\"\\x\"",
            "\"\\u12\"", "\"\\u12G4\"", "\"\n\"", "\"\u{0}\"", "1 2", "{} []", "\u{FEFF}{}",
            "//\n1",
        ])
    func refused(_ text: String) {
        #expect(throws: DecodeError.self) { try readDocument(Array(text.utf8)) }
        #expect(throws: DecodeError.self) { try skipDocument(Array(text.utf8)) }
    }

    @Test("an error says where it is and what was expected")
    func errors() {
        #expect(
            throws: DecodeError.malformed(
                field: "JSON", offset: 7, reason: "expected ',' or '}', found ';'")
        ) { try readDocument(Array("{\"a\": 1; }".utf8)) }
        #expect(
            throws: DecodeError.malformed(
                field: "JSON", offset: 2, reason: "expected a value, found the end")
        ) { try readDocument(Array("[ ".utf8)) }
    }

    @Test(
        "escapes become their scalars; halves of surrogate pairs become U+FFFD",
        arguments: [
            (#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{C}\n\r\tz"),
            (#""\u0041\u00e9\u20AC""#, "Aé€"),
            (#""\ud83d\uDE00""#, "😀"), (#""\ud83d""#, "\u{FFFD}"), (#""\ude00x""#, "\u{FFFD}x"),
            (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
            (#""\u0000""#, "\u{0}"), (#""""#, ""),
        ])
    func escapes(_ json: String, _ expected: String) throws {
        #expect(try readDocument(Array(json.utf8)) == .string(expected))
    }

    @Test(
        "a string without escapes is a range of the input, one with escapes grows the scratch memory"
    )
    func ranges() throws {
        let long = String(repeating: "abc\\n", count: 10_000)
        let text = Array("[\"plain\", \"\(long)\", \"x\\ty\"]".utf8)
        try text.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            try reader.beginArray()
            #expect(try reader.nextElement())
            let plain = try reader.string()
            #expect(plain.baseAddress == bytes.baseAddress?.advanced(by: 2))
            #expect(try reader.nextElement())
            #expect(try reader.string().count == 40_000)
            #expect(try reader.nextElement())
            #expect(try Array(reader.string()) == Array("x\ty".utf8))
            #expect(try !reader.nextElement())
            try reader.end()
        }
    }

    @Test("nesting is limited, so that no document can exhaust the stack")
    func nesting() throws {
        func nested(_ depth: Int, _ open: String, _ close: String) -> [UInt8] {
            Array(
                (String(repeating: open, count: depth) + "1"
                    + String(repeating: close, count: depth)).utf8)
        }
        let limit = JSONReader.nestingDepthMax
        #expect(try skipDocument(nested(limit, "[", "]")).count == limit * 2 + 1)
        for depth in [limit + 1, 1_000_000] {
            #expect(throws: DecodeError.self) { try skipDocument(nested(depth, "[", "]")) }
            #expect(throws: DecodeError.self) { try skipDocument(nested(depth, "{\"a\":", "}")) }
        }
    }

    @Test("duplicate keys are handed out as they come")
    func duplicates() throws {
        let value = try readDocument(Array(#"{"a":1,"a":2}"#.utf8))
        #expect(value == .map([Attribute("a", .int(1)), Attribute("a", .int(2))]))
    }
}

@Suite("JSONNumber")
struct JSONNumberTests {
    @Test(
        "integers are exact over the whole 64-bit range and refused beyond it",
        arguments: [
            ("0", 0, 0), ("-0", 0, 0), ("1", 1, 1), ("-1", -1, nil),
            ("9223372036854775807", Int64.max, UInt64(Int64.max)),
            ("9223372036854775808", nil, UInt64(1) << 63), ("-9223372036854775808", Int64.min, nil),
            ("-9223372036854775809", nil, nil), ("18446744073709551615", nil, UInt64.max),
            ("18446744073709551616", nil, nil), ("1e3", 1_000, 1_000), ("12.0", 12, 12),
            ("1.5", nil, nil), ("1e400", nil, nil),
            ("100000000000000000000000000000000000000000", nil, nil),
        ] as [(String, Int64?, UInt64?)])
    func integers(_ text: String, _ signed: Int64?, _ unsigned: UInt64?) throws {
        try withNumber(text) {
            #expect($0.int64 == signed)
            #expect($0.uint64 == unsigned)
        }
    }

    @Test("doubles are rounded as the standard library rounds them")
    func doubles() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = JSONGenerator(seed: seed)
        var texts = [
            "0.1", "-0.0", "123456789.125", "9007199254740993", "1e22", "1e23", "1e-22", "1e-23",
            "2.2250738585072011e-308", "4.9e-324", "2e-324", "1.7976931348623157e308", "1e309",
            "-1e309", "1e-400", "8.5e+15", "0.000000000000000000000000000000000000000000000001",
            "9007199254740992e22", "9007199254740991e-22",
            "179769313486231580793728971405301e277", "0e999999999999999999999",
            String(repeating: "9", count: 400), "0." + String(repeating: "0", count: 400) + "1",
            "1." + String(repeating: "0", count: 3_000) + "1",
        ]
        for _ in 0..<20_000 { texts.append(generator.decimal()) }
        for text in texts {
            let expected = try #require(Double(text))
            try withNumber(text) {
                #expect($0.double.bitPattern == expected.bitPattern, "seed \(seed): \(text)")
            }
        }
    }

    @Test("the shortest form of any double reads back the same")
    func roundTrip() throws {
        var generator = JSONGenerator(seed: 9)
        for _ in 0..<20_000 {
            let value = Double(bitPattern: generator.next())
            guard value.isFinite else { continue }
            try withNumber(value.description) {
                #expect($0.double.bitPattern == value.bitPattern)
            }
        }
    }

    private func withNumber(_ text: String, _ body: (JSONNumber) throws -> Void) throws {
        try Array(text.utf8).withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            try body(try reader.number())
            try reader.end()
        }
    }
}
