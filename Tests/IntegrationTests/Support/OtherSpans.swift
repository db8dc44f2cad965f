import WireFormats

/// One span each in formats other than OTLP's, with its start in milliseconds.
enum OtherSpans {
    private static func big(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    /// A Zipkin `ListOfSpans` in protobuf.
    static func zipkin(milliseconds: Int64) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { span in
            (big(UInt64(0x0AF7)) + big(UInt64(0x6519))).withUnsafeBytes { span.bytes(1, $0) }
            big(UInt64(0xB7AD)).withUnsafeBytes { span.bytes(3, $0) }
            span.string(5, "a")
            span.fixed64(6, UInt64(milliseconds) * 1_000)
            span.varint(7, 10)
            span.message(8) { $0.string(1, "shop") }
        }
        return writer.bytes
    }

    /// A Jaeger `Batch` in Thrift's binary protocol.
    static func jaeger(milliseconds: Int64) -> [UInt8] {
        func field(_ type: UInt8, _ id: Int16, _ content: [UInt8]) -> [UInt8] {
            Array([[type], big(id), content].joined())
        }
        func string(_ id: Int16, _ text: String) -> [UInt8] {
            field(11, id, big(Int32(text.utf8.count)) + Array(text.utf8))
        }
        func int64(_ id: Int16, _ value: Int64) -> [UInt8] { field(10, id, big(value)) }
        let process = field(12, 1, string(1, "shop"))
        let span: [[UInt8]] = [
            int64(1, 0x6519), int64(2, 0x0AF7), int64(3, 0xB7AD), int64(4, 0), string(5, "a"),
            int64(8, milliseconds * 1_000), int64(9, 10),
        ]
        let spans: [[UInt8]] = [[12], big(Int32(1)), Array(span.joined())]
        let list = field(15, 2, Array(spans.joined()))
        let parts: [[UInt8]] = [process, [0], list, [0, 0]]
        return Array(parts.joined())
    }
}
