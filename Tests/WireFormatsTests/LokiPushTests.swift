import Telemetry
import Testing
import WireFormats

@Suite("Loki push")
struct LokiPushTests {
    private static let receivedAt = Timestamp(seconds: 1_800_000_000)
    private static let line = #"{"method":"GET","response_code":200}"#

    private static func protobuf(labels: String) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { stream in
            stream.string(1, labels)
            for line in [Self.line, "plain"] {
                stream.message(2) { entry in
                    entry.message(1) {
                        $0.varint(1, 1_700_000_000)
                        $0.varint(2, 5)
                    }
                    entry.string(2, line)
                }
            }
            stream.message(2) { entry in
                entry.message(1) { $0.varint(1, 1_700_000_001) }
                entry.string(2, Self.line)
                for (name, value) in [
                    ("trace_id", "0123456789abcdef0123456789abcdef"), ("pod", "web-1"),
                ] {
                    entry.message(3) {
                        $0.string(1, name)
                        $0.string(2, value)
                    }
                }
            }
        }
        return writer.bytes
    }

    private static let json = """
        {"streams":[{"values":[["1700000000000000005",\(quoted(line))],
        ["1700000000000000005","plain"],["1700000001000000000",\(quoted(line)),
        {"trace_id":"0123456789abcdef0123456789abcdef","pod":"web-1"}]],
        "stream":{"app":"shop","env":"q\\"o"}}]}
        """

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\"", with: "\\\"") + "\""
    }

    private func check(_ decoded: Decoded<LogBatch>) throws {
        #expect(decoded.rejections.isEmpty)
        let batch = decoded.batch
        try #require(batch.count == 3)
        let time = Timestamp(nanoseconds: 1_700_000_000_000_000_005)
        #expect(batch.times == [time, time, Timestamp(seconds: 1_700_000_001)])
        #expect(LogLine.string(batch, row: 0) == Self.line)
        #expect(batch.record(at: 0).attributes.last == Attribute("response_code", .int(200)))
        #expect(batch.body(1) == .string("plain"))
        let joined = batch.record(at: 2)
        #expect(joined.traceID.hex == "0123456789abcdef0123456789abcdef")
        #expect(joined.body == .string(Self.line))
        #expect(
            joined.attributes == [
                Attribute("pod", .string("web-1")), Attribute("method", .string("GET")),
                Attribute("response_code", .int(200)),
            ])
        #expect(BesideLine.count(batch, row: 2) == 1 && BesideLine.plain(joined.flags) == 0)
        for row in 0..<3 {
            #expect(
                batch.resource(at: batch.resourceIndices[row]).attributes == [
                    Attribute("service.name", .string("shop")),
                    Attribute("app", .string("shop")), Attribute("env", .string("q\"o")),
                ])
        }
    }

    @Test("protobuf and JSON say the same: labels, times, lines and structured metadata")
    func same() throws {
        try check(
            LokiPush.decode(
                protobuf: Self.protobuf(labels: #"{app="shop", env="q\"o"}"#),
                receivedAt: Self.receivedAt))
        try check(
            LokiPush.decode(json: Array(Self.json.utf8), receivedAt: Self.receivedAt))
    }

    @Test("service_name is the service, and no label twice")
    func service() throws {
        let body = Self.protobuf(labels: #"{service_name="a", app="b",}"#)
        let batch = try LokiPush.decode(protobuf: body, receivedAt: Self.receivedAt).batch
        #expect(
            batch.resource(at: 0).attributes == [
                Attribute("service.name", .string("a")), Attribute("app", .string("b")),
            ])
    }

    @Test(
        "entries of a stream whose labels cannot be read are refused and counted",
        arguments: ["", "app", "{app}", #"{app="x"#, #"{app="x"} y"#, #"{app="\q"}"#, "{a='x'}"])
    func labels(_ labels: String) throws {
        let decoded = try LokiPush.decode(
            protobuf: Self.protobuf(labels: labels), receivedAt: Self.receivedAt)
        #expect(decoded.batch.isEmpty)
        #expect(decoded.rejectedCount == 3)
        #expect(decoded.rejections.first?.reason == .malformedItem)
    }

    @Test("a body cut off or changed anywhere is refused or read, and never crashes")
    func mutilated() throws {
        let protobuf = Self.protobuf(labels: #"{app="shop"}"#)
        for (bytes, isJSON) in [(protobuf, false), (Array(Self.json.utf8), true)] {
            for index in bytes.indices {
                var changed = bytes
                changed[index] ^= 0x55
                for body in [Array(bytes.prefix(index)), changed] {
                    do {
                        if isJSON {
                            _ = try LokiPush.decode(json: body, receivedAt: Self.receivedAt)
                        } else {
                            _ = try LokiPush.decode(protobuf: body, receivedAt: Self.receivedAt)
                        }
                    } catch { #expect(!error.description.isEmpty) }
                }
            }
        }
    }
}
