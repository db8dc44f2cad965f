import Testing
import WireFormats

@Suite("OTLP answers")
struct OTLPResponseTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("full success is an empty message")
    func fullSuccess() {
        #expect(OTLPResponse.protobuf(rejected: 0, message: "").isEmpty)
        #expect(text(OTLPResponse.json(.traces, rejected: 0, message: "")) == "{}")
    }

    @Test("partial success carries the count and the reason")
    func partialSuccess() {
        let bytes = OTLPResponse.protobuf(rejected: 300, message: "no")
        #expect(bytes == [0x0A, 0x07, 0x08, 0xAC, 0x02, 0x12, 0x02, 0x6E, 0x6F])
        #expect(
            text(OTLPResponse.json(.metrics, rejected: 3, message: "a \"b\""))
                == #"{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"a \"b\""}}"#)
        #expect(
            text(OTLPResponse.json(.logs, rejected: 0, message: "warned"))
                == #"{"partialSuccess":{"errorMessage":"warned"}}"#)
    }

    @Test("a status has code, message and, if it may be retried, the delay")
    func status() {
        let plain = RPCStatus(.invalidArgument, "bad")
        #expect(plain.protobuf == [0x08, 0x03, 0x12, 0x03, 0x62, 0x61, 0x64])
        #expect(text(plain.json) == #"{"code":3,"message":"bad"}"#)
        let busy = RPCStatus(.resourceExhausted, "", retryDelayNanoseconds: 1_500_000_000)
        let type = "type.googleapis.com/google.rpc.RetryInfo"
        #expect(
            busy.protobuf == [0x08, 0x08, 0x1A, 0x36, 0x0A, 0x28] + Array(type.utf8)
                + [0x12, 0x0A, 0x0A, 0x08, 0x08, 0x01, 0x10, 0x80, 0xCA, 0xB5, 0xEE, 0x01])
        #expect(
            text(busy.json)
                == "{\"code\":8,\"message\":\"\",\"details\":[{\"@type\":\"\(type)\","
                + "\"retryDelay\":\"1.500000000s\"}]}")
    }
}
