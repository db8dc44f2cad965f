import Foundation
import Telemetry
import Testing
import WireFormats

@Suite("JSONWriter")
struct JSONWriterTests {
    @Test("commas and colons come by themselves at every level")
    func structure() {
        var writer = JSONWriter()
        writer.object { root in
            root.field("status", "success")
            root.objectField("data") { data in
                data.arrayField("empty") { _ in }
                data.arrayField("result") { result in
                    result.array {
                        $0.prometheusTime(milliseconds: 1_435_781_451_781)
                        $0.prometheusValue(1)
                    }
                    result.object { _ in }
                    result.null()
                }
                data.field("labels", strings: ["a", "b\""])
            }
            root.field("n", 3)
            root.field("x", 0.5)
            root.field("ok", true)
            root.key("na\"me")
            root.value(UInt64.max)
        }
        #expect(
            writer.text
                == #"{"status":"success","data":{"empty":[],"result":[[1435781451.781,"1"],"#
                + #"{},null],"labels":["a","b\""]},"n":3,"x":0.5,"ok":true,"#
                + #""na\"me":18446744073709551615}"#)
    }

    @Test("lines are separate documents")
    func lines() {
        var writer = JSONWriter()
        writer.object { $0.field("a", 1) }
        writer.newline()
        writer.object { $0.field("a", 2) }
        writer.newline()
        #expect(writer.text == "{\"a\":1}\n{\"a\":2}\n")
        writer.removeAll()
        writer.value("x")
        #expect(writer.text == "\"x\"")
    }

    @Test("ids, timestamps, 64-bit integers and raw JSON have their own forms")
    func forms() {
        var writer = JSONWriter()
        writer.array { array in
            array.value(TraceID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210))
            array.value(SpanID(0xA))
            array.quotedValue(Int64.min)
            array.quotedValue(UInt64.max)
            array.value(rfc3339: Timestamp(nanoseconds: 1_435_781_451_781_000_000))
            array.rawValue(Array("{\"raw\":[1]}".utf8))
            array.value(AttributeValue.map([Attribute("k", .array([.double(1), .empty]))]))
        }
        #expect(
            writer.text == #"["0123456789abcdeffedcba9876543210","000000000000000a","#
                + #""-9223372036854775808","18446744073709551615","2015-07-01T20:10:51.781Z","#
                + #"{"raw":[1]},{"k":[1.0,null]}]"#)
    }

    @Test("what is written is read back the same")
    func roundTrip() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = JSONGenerator(seed: seed)
        for _ in 0..<1_000 {
            let (_, value) = generator.document()
            var writer = JSONWriter()
            writer.value(value)
            guard !writer.text.contains("Infinity") else { continue }
            #expect(try readDocument(writer.bytes) == value, "seed \(seed): \(writer.text)")
        }
    }

    @Test("every byte that must be escaped is, wherever in the string it stands")
    func escaping() throws {
        for length in 0..<20 {
            for position in 0...length {
                for byte in UInt8(0)...0x7F {
                    var text = [UInt8](repeating: UInt8(ascii: "x"), count: length)
                    text.insert(byte, at: position)
                    var json: [UInt8] = []
                    text.withUnsafeBytes { JSONText.append(string: $0, to: &json) }
                    let string = String(decoding: text, as: UTF8.self)
                    #expect(try readDocument(json) == .string(string))
                    let isPlain = byte >= 0x20 && byte != 0x22 && byte != 0x5C
                    #expect((json.count == text.count + 2) == isPlain)
                }
            }
        }
    }
}

@Suite("Numbers in text")
struct NumberTextTests {
    @Test(
        "doubles are written shortest and stay recognisable as doubles",
        arguments: [
            (0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (-1.5, "-1.5"), (0.1, "0.1"), (100, "100.0"),
            (0.000001, "0.000001"), (1e-7, "1e-07"), (1e15, "1000000000000000.0"), (1e21, "1e+21"),
            (0.1 + 0.2, "0.30000000000000004"), (123456.789, "123456.789"),
            (.leastNonzeroMagnitude, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"), (.nan, "\"NaN\""),
            (.infinity, "\"Infinity\""), (-.infinity, "\"-Infinity\""),
            (999999999999999.9, "999999999999999.9"),
        ] as [(Double, String)])
    func doubles(_ number: Double, _ expected: String) {
        var bytes: [UInt8] = []
        JSONText.append(number, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test(
        "Go's fixed form has no exponent",
        arguments: [
            (0, "0"), (-0.0, "-0"), (1, "1"), (0.1, "0.1"), (1e6, "1000000"), (-2.5, "-2.5"),
            (1e21, "1000000000000000000000"), (1.5e22, "15000000000000000000000"),
            (1e-7, "0.0000001"), (1.25e-10, "0.000000000125"), (0.1 + 0.2, "0.30000000000000004"),
            (1234567.0000001, "1234567.0000001"),
            (.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
            (.leastNonzeroMagnitude, "0." + String(repeating: "0", count: 323) + "5"),
            (1e308, "1" + String(repeating: "0", count: 308)),
        ] as [(Double, String)])
    func fixed(_ number: Double, _ expected: String) {
        var bytes: [UInt8] = []
        GoFloat.appendFixed(number, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test(
        "sample values turn to exponents where Prometheus does",
        arguments: [
            (0, "0"), (1e6, "1000000"), (1e20, "100000000000000000000"), (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"), (0.000001, "0.000001"), (9.9e-7, "9.9e-07"), (1e-7, "1e-07"),
            (.leastNonzeroMagnitude, "5e-324"), (.nan, "NaN"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"),
        ] as [(Double, String)])
    func prometheus(_ number: Double, _ expected: String) {
        var bytes: [UInt8] = []
        JSONWriter.appendPrometheusValue(number, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test(
        "times in milliseconds become seconds",
        arguments: [
            (1_435_781_451_781, "1435781451.781"), (1_435_781_451_000, "1435781451"),
            (1_435_781_451_080, "1435781451.080"), (5, "0.005"), (0, "0"), (-1_500, "-1.500"),
            (Int64.min, "-9223372036854775.808"),
        ] as [(Int64, String)])
    func times(_ milliseconds: Int64, _ expected: String) {
        var writer = JSONWriter()
        writer.prometheusTime(milliseconds: milliseconds)
        #expect(writer.text == expected)
    }

    @Test("fixed and shortest forms of any double read back the same and have the fewest digits")
    func shortest() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = JSONGenerator(seed: seed)
        for index in 0..<30_000 {
            let value =
                index % 2 == 0
                ? Double(bitPattern: generator.next())
                : Double(generator.below(10_000_000)) / [1, 10, 1e3, 1e5, 1e7][generator.below(5)]
            guard value.isFinite else { continue }
            var json: [UInt8] = []
            JSONText.append(value, to: &json)
            var go: [UInt8] = []
            GoFloat.appendFixed(value, to: &go)
            let jsonText = String(decoding: json, as: UTF8.self)
            let goText = String(decoding: go, as: UTF8.self)
            #expect(Double(jsonText) == value && Double(goText) == value, "seed \(seed): \(value)")
            #expect(!goText.contains("e"))
            #expect(
                significant(jsonText) == significant(value.description)
                    && significant(goText) == significant(value.description),
                "seed \(seed): \(value)")
        }
    }

    private func significant(_ text: String) -> String {
        let digits = text.prefix { $0 != "e" }.filter(\.isNumber).drop { $0 == "0" }
        return String(digits.reversed().drop { $0 == "0" }.reversed())
    }
}
