import Telemetry
import Testing
import WireFormats

@Suite("Attributes that come again in a body")
struct KnownAttributesTests {
    private typealias Pair = (inout ProtobufWriter) -> Void

    private func decoded(_ spans: [[Pair]]) throws -> Decoded<SpanBatch> {
        var writer = ProtobufWriter()
        writer.message(1) { resource in
            resource.message(2) { scope in
                for pairs in spans {
                    scope.message(2) { span in
                        span.raw(1, [UInt8](repeating: 1, count: 16))
                        span.raw(2, [UInt8](repeating: 2, count: 8))
                        for pair in pairs { span.message(9, pair) }
                    }
                }
            }
        }
        return try OTLPTraces.decode(protobuf: writer.bytes)
    }

    private func text(_ key: String, _ value: String) -> Pair {
        { pair in
            pair.string(1, key)
            pair.message(2) { $0.string(1, value) }
        }
    }

    @Test("are what they say, whatever came before them", arguments: 0..<20)
    func random(seed: Int) throws {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        func roll(_ count: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % count
        }
        let keys = ["a", "ab", "http.request.method", "http.route", "server.port", ""]
        let texts = ["", "x", "GET", "/cart/checkout", "/cart/checkouT", "GETGETGETGET"]
        var wanted: [[Attribute]] = []
        var spans: [[Pair]] = []
        for _ in 0..<60 {
            var attributes: [Attribute] = []
            var pairs: [Pair] = []
            for index in 0..<roll(6) {
                let key = keys[Int(roll(4) == 0 ? roll(6) : index)]
                if roll(3) == 0 {
                    let value = 1 + roll(400)
                    pairs.append { pair in
                        pair.raw(1, Array(key.utf8))
                        pair.message(2) { $0.varint(3, value) }
                    }
                    attributes.append(Attribute(key, .int(Int64(value))))
                } else {
                    let value = texts[Int(roll(6))]
                    pairs.append { pair in
                        pair.raw(1, Array(key.utf8))
                        pair.message(2) { $0.raw(1, Array(value.utf8)) }
                    }
                    attributes.append(Attribute(key, .string(value)))
                }
            }
            wanted.append(attributes)
            spans.append(pairs)
        }
        let batch = try decoded(spans).batch
        for (row, attributes) in wanted.enumerated() {
            #expect(batch.span(at: row).attributes == attributes)
        }
    }

    @Test("may have their key behind the value, or twice, or none at all")
    func oddMessages() throws {
        let behind: Pair = { pair in
            pair.message(2) { $0.string(1, "v") }
            pair.string(1, "key")
        }
        let twice: Pair = { pair in
            pair.string(1, "first")
            pair.message(2) { $0.string(1, "v") }
            pair.string(1, "second")
        }
        let other: Pair = { pair in
            pair.string(1, "first")
            pair.message(2) { $0.string(1, "w") }
        }
        let none: Pair = { $0.message(2) { $0.varint(3, 7) } }
        let nothing: Pair = { _ in }
        let pairs = [behind, twice, other, none, nothing]
        let batch = try decoded(Array(repeating: pairs, count: 4)).batch
        for row in 0..<4 {
            #expect(
                batch.span(at: row).attributes == [
                    Attribute("key", .string("v")), Attribute("second", .string("v")),
                    Attribute("first", .string("w")), Attribute("", .int(7)),
                    Attribute("", .empty),
                ])
        }
    }

    @Test("are counted each time that they had to be repaired")
    func repairs() throws {
        let broken: Pair = { pair in
            pair.raw(1, [0x61, 0xFF])
            pair.message(2) { $0.raw(1, [0xC0]) }
        }
        let found = try decoded(Array(repeating: [text("k", "v"), broken, broken], count: 3))
        #expect(found.repairedStrings == 12)
        for row in 0..<3 {
            #expect(
                found.batch.span(at: row).attributes == [
                    Attribute("k", .string("v")), Attribute("a\u{FFFD}", .string("\u{FFFD}")),
                    Attribute("a\u{FFFD}", .string("\u{FFFD}")),
                ])
        }
    }
}
