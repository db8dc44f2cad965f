import Compression
import HTTPServer
import Store
import Telemetry
import Testing
import WireFormats

@Suite struct ZipkinTests {
    private static let path = "/api/v2/spans"

    private func body(_ traceIDs: [String]) -> [UInt8] {
        let spans = traceIDs.enumerated().map { index, id in
            """
            {"traceId":"\(id)","id":"000000000000000\(index + 1)","name":"get","kind":"SERVER",\
            "timestamp":1700000000000000,"duration":1200,\
            "localEndpoint":{"serviceName":"cart"},"tags":{"http.path":"/cart"}}
            """
        }
        return Array("[\(spans.joined(separator: ","))]".utf8)
    }

    @Test("spans are stored and answered 202 without a body")
    func accepted() async throws {
        let bed = TestBed()
        let sent = body(["00000000000000070000000000000001", "463ac35c9f6413ad"])
        try await bed.withHTTP { server in
            for type in ["application/json", "application/json; charset=utf-8", nil] {
                let answer = try await server.post(Self.path, sent, type: type)
                #expect(answer.status == 202)
                #expect(answer.body.isEmpty)
            }
            let packed = try await server.post(
                Self.path, try Zlib.compress(sent, format: .gzip), type: "application/json",
                headers: ["content-encoding": "gzip"])
            #expect(packed.status == 202)
        }
        #expect(bed.store.spans.map(\.count) == [2, 2, 2, 2])
        #expect(bed.store.digests == Array(repeating: ContentHash(ofBody: sent), count: 4))
        #expect(bed.count("sidelight_receiver_items_total", "traces", "zipkin") == 8)
    }

    @Test("a body that is no list of spans is 400 in text")
    func malformed() async throws {
        let bed = TestBed()
        let whole = body(["463ac35c9f6413ad"])
        try await bed.withHTTP { server in
            for count in [1, 10, whole.count / 2, whole.count - 1] {
                let answer = try await server.post(
                    Self.path, Array(whole.prefix(count)), type: "application/json")
                #expect(answer.status == 400, "\(count) of \(whole.count) bytes")
                #expect(answer["content-type"] == "text/plain; charset=utf-8")
            }
            let object = try await server.post(
                Self.path, Array("{\"a\":1}".utf8), type: "application/json")
            #expect(object.status == 400)
        }
        #expect(bed.store.appendCount == 0)
    }

    @Test("protobuf and the first JSON version are stored")
    func otherEncodings() async throws {
        let bed = TestBed()
        var writer = ProtobufWriter()
        writer.message(1) { span in
            [UInt8]([0, 0, 0, 0, 0, 0, 0, 7]).withUnsafeBytes { span.bytes(1, $0) }
            [UInt8]([0, 0, 0, 0, 0, 0, 0, 1]).withUnsafeBytes { span.bytes(3, $0) }
            span.string(5, "get")
        }
        let first = Array(
            #"[{"traceId":"463ac35c9f6413ad","id":"0000000000000001","name":"get"}]"#.utf8)
        try await bed.withHTTP { server in
            for type in ["application/x-protobuf", "application/protobuf"] {
                let answer = try await server.post(Self.path, writer.bytes, type: type)
                #expect(answer.status == 202 && answer.body.isEmpty)
            }
            let v1 = try await server.post("/api/v1/spans", first, type: "application/json")
            #expect(v1.status == 202)
            let cut = try await server.post(
                Self.path, Array(writer.bytes.dropLast()), type: "application/x-protobuf")
            #expect(cut.status == 400)
        }
        #expect(bed.store.spans.map(\.count) == [1, 1, 1])
    }

    @Test(
        "thrift, and protobuf where there is none, are refused by name",
        arguments: [
            ("/api/v2/spans", "thrift"), ("/api/v1/spans", "thrift"), ("/api/v1/spans", "protobuf"),
        ])
    func otherTypes(path: String, kind: String) async throws {
        let bed = TestBed()
        let answer = try await bed.withHTTP { server in
            try await server.post(path, [1, 2], type: "application/x-\(kind)")
        }
        #expect(answer.status == 415)
        #expect(answer.text.contains(kind))
    }

    @Test("an overloaded store is 429")
    func overloaded() async throws {
        let bed = TestBed()
        bed.store.answer(.failure(.overloaded(retryAfterMilliseconds: 10)))
        let answer = try await bed.withHTTP { server in
            try await server.post(Self.path, body(["463ac35c9f6413ad"]))
        }
        #expect(answer.status == 429)
        #expect(answer["retry-after"] == "1")
    }

    @Test("what is refused of a message is told, and a message of nothing else is 400")
    func partlyRefused() async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            let some = try await server.post(Self.path, body(["463ac35c9f6413ad", "nohex"]))
            #expect(some.status == 202)
            #expect(some.text.hasPrefix("1 of 2 spans were refused: 1 invalid_trace_id"))
            let none = try await server.post(Self.path, body(["nohex"]))
            #expect(none.status == 400 && none.text.contains("invalid_trace_id"))
        }
        #expect(bed.store.spans.map(\.count) == [1])
    }

    @Test(
        "whatever other type is claimed is read as JSON, as Zipkin does",
        arguments: ["application/x-www-form-urlencoded", "text/plain"])
    func claimedTypes(type: String) async throws {
        let bed = TestBed()
        let answer = try await bed.withHTTP { server in
            try await server.post(Self.path, body(["463ac35c9f6413ad"]), type: type)
        }
        #expect(answer.status == 202)
        #expect(bed.store.spans.map(\.count) == [1])
    }
}
