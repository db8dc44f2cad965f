import HTTPServer
import Store
import Telemetry
import Testing

@Suite struct JaegerTests {
    private static let path = "/api/traces"

    /// A `Batch` of one span in the binary protocol.
    private static let body: [UInt8] = {
        let process: [[UInt8]] = [[12, 0, 1, 11, 0, 1, 0, 0, 0, 4], Array("cart".utf8), [0]]
        let ids: [[UInt8]] = [
            [10, 0, 1], word(9), [10, 0, 2], word(0), [10, 0, 3], word(1),
        ]
        let start: [[UInt8]] = [[10, 0, 8], word(UInt64(TestBed.now.microseconds))]
        let spans: [[UInt8]] = [[15, 0, 2, 12, 0, 0, 0, 1]] + ids + start + [[0, 0]]
        return Array((process + spans).joined())
    }()

    private static func word(_ value: UInt64) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    @Test(
        "Thrift over HTTP is stored and answered 202 without a body",
        arguments: ["application/x-thrift", "application/vnd.apache.thrift.binary"])
    func accepted(type: String) async throws {
        let bed = TestBed()
        let answer = try await bed.withHTTP { try await $0.post(Self.path, Self.body, type: type) }
        #expect(answer.status == 202 && answer.body.isEmpty)
        let batch = try #require(bed.store.spans.first)
        #expect(batch.span(at: 0).traceID == TraceID(high: 0, low: 9))
        #expect(batch.resource(at: 0).serviceName == "cart")
        #expect(bed.count("sidelight_receiver_items_total", "traces", "jaeger_http") == 1)
    }

    @Test("the compact protocol is read under its own content type")
    func compact() async throws {
        let bed = TestBed()
        let start = Varint.zigzag(TestBed.now.microseconds)
        var time: [UInt8] = []
        Varint.append(start, to: &time)
        let head: [[UInt8]] = [[0x1C, 0x18, 4], Array("cart".utf8), [0]]
        let span: [[UInt8]] = [[0x19, 0x1C, 0x16, 18, 0x16, 0, 0x16, 2, 0x56], time, [0, 0]]
        let body = Array((head + span).joined())
        let answer = try await bed.withHTTP {
            try await $0.post(Self.path, body, type: "application/vnd.apache.thrift.compact")
        }
        #expect(answer.status == 202)
        #expect(bed.store.spans.first?.traceIDs == [TraceID(high: 0, low: 9)])
    }

    @Test("what is cut off or no Thrift is refused, and nothing is stored")
    func refused() async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            for count in [0, 5, Self.body.count - 1] {
                let answer = try await server.post(
                    Self.path, Array(Self.body.prefix(count)), type: "application/x-thrift")
                #expect(answer.status == 400, "\(count) bytes")
            }
            let answer = try await server.post(Self.path, Self.body, type: "application/json")
            #expect(answer.status == 415 && answer.text.contains("application/x-thrift"))
        }
        #expect(bed.store.appendCount == 0)
        #expect(
            bed.count("sidelight_receiver_refused_requests_total", "jaeger_http", "bad_request")
                == 3)
    }

    @Test("a batch of which nothing can be stored is refused with the reason")
    func nothingStored() async throws {
        let bed = TestBed()
        var body = Self.body
        // The low half of the trace id is the last byte before the field of the high one.
        let low = try #require(body.firstIndex(of: 9))
        body[low] = 0
        let answer = try await bed.withHTTP {
            try await $0.post(Self.path, body, type: "application/x-thrift")
        }
        #expect(answer.status == 400 && answer.text.contains("invalid_trace_id"))
        #expect(bed.store.appendCount == 0)
    }
}
