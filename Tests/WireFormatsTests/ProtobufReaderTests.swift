import Testing
import WireFormats

@Suite("Protobuf reader")
struct ProtobufReaderTests {
    /// Reads all fields by skipping them.
    private func skipAll(_ bytes: [UInt8]) throws(DecodeError) {
        try bytes.decoded { (buffer) throws(DecodeError) in
            var reader = ProtobufReader(buffer)
            while true {
                let key = try reader.nextKey()
                if key == 0 { return }
                try reader.skip(key)
            }
        }
    }

    @Test(
        "varints of one to ten bytes are read",
        arguments: [
            ([0x00], 0), ([0x7F], 127), ([0x80, 0x01], 128), ([0x80, 0x00], 0),
            ([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], UInt64.max),
        ] as [([UInt8], UInt64)])
    func readsVarints(bytes: [UInt8], value: UInt64) throws {
        let read = try bytes.decoded { (buffer) throws(DecodeError) in
            var reader = ProtobufReader(buffer)
            return try reader.varint("number")
        }
        #expect(read == value)
    }

    @Test("a varint of more than ten bytes is malformed")
    func refusesLongVarints() {
        let bytes = [0x08] + [UInt8](repeating: 0x80, count: 10) + [0x01]
        #expect(throws: DecodeError.self) { try skipAll(bytes) }
    }

    @Test(
        "field number zero, groups and unassigned wire types are refused",
        arguments: [0x00, 0x02, 0x0B, 0x0C, 0x0E, 0x0F] as [UInt8])
    func refusesKeys(key: UInt8) {
        #expect(throws: DecodeError.self) { try skipAll([key, 0x01, 0x00]) }
    }

    @Test("a field number beyond 29 bits is refused")
    func refusesLargeFieldNumbers() {
        #expect(throws: DecodeError.self) { try skipAll([0x80, 0x80, 0x80, 0x80, 0x10, 0x00]) }
    }

    @Test("a length beyond the end says what was needed and where")
    func refusesHugeLengths() {
        let bytes: [UInt8] = [
            0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x00,
        ]
        #expect(
            throws: DecodeError.truncated(
                field: "unknown field", offset: 11, needed: Int.max, had: 1)
        ) { try skipAll(bytes) }
    }

    @Test(
        "what the writer writes is read back, with lengths of one, two and three bytes",
        arguments: [0, 1, 127, 128, 16_383, 16_384])
    func writesNestedMessages(size: Int) throws {
        let content = [UInt8](repeating: 7, count: size)
        var writer = ProtobufWriter()
        writer.message(1) { outer in
            outer.message(2) { $0.raw(3, content) }
            outer.sint32(4, -5)
        }
        let (found, number) = try writer.bytes.decoded { (buffer) throws(DecodeError) in
            var reader = ProtobufReader(buffer)
            #expect(try reader.nextKey() == ProtobufKey.length(1))
            var outer = try reader.message("outer")
            #expect(try outer.nextKey() == ProtobufKey.length(2))
            var inner = try outer.message("inner")
            #expect(try inner.nextKey() == ProtobufKey.length(3))
            let bytes = Array(try inner.bytes("bytes"))
            #expect(try outer.nextKey() == ProtobufKey.varint(4))
            return (bytes, try outer.sint32("number"))
        }
        #expect(found == content)
        #expect(number == -5)
    }
}
