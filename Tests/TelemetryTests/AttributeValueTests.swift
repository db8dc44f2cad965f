import Telemetry
import Testing

@Suite("attribute values")
struct AttributeValueTests {
    private func decode(_ bytes: some Collection<UInt8>) -> AttributeValue? {
        Array(bytes).withUnsafeBytes { AttributeValue(encoded: $0) }
    }

    private func depth(_ value: AttributeValue) -> Int {
        switch value {
        case .array(let elements): 1 + (elements.map(depth).max() ?? 0)
        case .map(let attributes): 1 + (attributes.map { depth($0.value) }.max() ?? 0)
        default: 0
        }
    }

    @Test("nested values read back as they were encoded, and not from fewer bytes or more")
    func roundTrip() {
        var dice = Dice(seed: 11)
        for _ in 0..<400 {
            let value = dice.value()
            let bytes = value.encoded
            #expect(decode(bytes) == value)
            for end in 0..<bytes.count { #expect(decode(bytes[..<end]) == nil) }
            #expect(decode(bytes + [0]) == nil)
        }
    }

    @Test("numbers keep every bit")
    func numbers() throws {
        for number in [0, 1, -1, 63, 64, -64, -65, .max, .min] as [Int64] {
            #expect(decode(AttributeValue.int(number).encoded) == .int(number))
        }
        for bits in [0, 1 << 63, 0x7FF0_0000_0000_0002, 0x7FF8_0000_0000_0001, .max, 1] as [UInt64]
        {
            let value = decode(AttributeValue.double(Double(bitPattern: bits)).encoded)
            guard case .double(let number)? = value else {
                Issue.record("\(bits) became \(String(describing: value))")
                continue
            }
            #expect(number.bitPattern == bits)
        }
    }

    @Test("noise and single damaged bytes never crash")
    func damage() {
        var dice = Dice(seed: 12)
        for _ in 0..<3_000 {
            _ = decode(dice.noise(dice.roll(40)))
            var bytes = dice.value().encoded
            bytes[dice.roll(bytes.count)] = UInt8(truncatingIfNeeded: dice.next())
            _ = decode(bytes)
        }
    }

    @Test("a count or length beyond the bytes is refused before anything is allocated")
    func claims() {
        let enormous: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]
        for type in [AttributeType.string, .bytes, .array, .map] {
            #expect(decode([type.rawValue] + enormous) == nil)
            #expect(decode([type.rawValue] + enormous + [0]) == nil)
        }
        #expect(decode([8]) == nil)
    }

    @Test("nesting beyond the limit is cut off, and what is within it stays")
    func nesting() throws {
        for levels in [1, 31, 32, 33, 34, 200] {
            var value = AttributeValue.int(7)
            for level in 0..<levels {
                value = level % 2 == 0 ? .array([value]) : .map([Attribute("k", value)])
            }
            let decoded = try #require(decode(value.encoded), "\(levels)")
            #expect(depth(decoded) == min(levels, AttributeValue.nestingDepthMax))
            if levels <= AttributeValue.nestingDepthMax { #expect(decoded == value) }
        }
        let deep = [[UInt8]](repeating: [AttributeType.array.rawValue, 1], count: 100_000)
        #expect(decode(deep.joined().map { $0 }) == nil)
    }

    @Test(
        "text is what people expect of the value",
        arguments: [
            (.empty, ""), (.string("a\"b"), "a\"b"), (.bool(true), "true"), (.int(-5), "-5"),
            (.double(1.5), "1.5"), (.double(3), "3"), (.double(1e15), "1000000000000000"),
            (.double(1e16), "1e+16"),
            (.double(.nan), "nan"),
            (.double(.infinity), "inf"), (.bytes([0, 15, 255]), "000fff"),
            (.array([.int(1), .string("a\"\n\u{1}"), .empty]), #"[1,"a\"\n\u0001",null]"#),
            (
                .map([Attribute("k", .bool(false)), Attribute("k", .array([]))]),
                #"{"k":false,"k":[]}"#
            ),
        ] as [(AttributeValue, String)])
    func text(value: AttributeValue, expected: String) {
        #expect(value.text == expected)
    }

    @Test("columns give back the attributes that went in")
    func columns() {
        var dice = Dice(seed: 13)
        var strings = StringTable()
        var columns = AttributeColumns()
        var expected: [[Attribute]] = []
        var ranges: [Range<Int>] = []
        for _ in 0..<100 {
            let attributes = (0..<dice.roll(6)).map { _ in Attribute(dice.text(), dice.value()) }
            let start = columns.count
            columns.append(contentsOf: attributes, strings: &strings)
            ranges.append(start..<columns.count)
            expected.append(attributes)
        }
        for (range, attributes) in zip(ranges, expected) {
            #expect(columns.attributes(in: range, strings: strings) == attributes)
        }
    }

    @Test("varints read back and end within ten bytes")
    func varints() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 1 << 63, .max] as [UInt64] {
            var bytes: [UInt8] = []
            Varint.append(value, to: &bytes)
            for end in 0...bytes.count {
                var offset = 0
                let read = bytes[..<end].withUnsafeBytes { Varint.read($0, &offset) }
                #expect(read == (end == bytes.count ? value : nil))
            }
        }
        var offset = 0
        let endless = [UInt8](repeating: 0x80, count: 20)
        #expect(endless.withUnsafeBytes { Varint.read($0, &offset) } == nil)
        for value in [0, -1, 1, .min, .max] as [Int64] {
            #expect(Varint.unzigzag(Varint.zigzag(value)) == value)
        }
    }
}
