import Compression
import HTTPServer
import Store
import Telemetry
import Testing
import WireFormats

@Suite("Loki push over HTTP")
struct LokiPushReceiverTests {
    private static let path = "/loki/api/v1/push"
    private static let json =
        #"{"streams":[{"stream":{"app":"shop"},"values":[["1700000000000000000","a"],["1700000000000000001","b"]]}]}"#

    private static var protobuf: [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { stream in
            stream.string(1, "{app=\"shop\"}")
            stream.message(2) { entry in
                entry.message(1) { $0.varint(1, 1_699_999_999) }
                entry.string(2, "a")
            }
        }
        return Snappy.compress(writer.bytes)
    }

    @Test("JSON and snappy protobuf are stored and answered 204, with and without the coding named")
    func accepted() async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            let json = try await server.post(
                Self.path, Array(Self.json.utf8), type: "application/json")
            #expect(json.status == 204)
            for headers: KeyValuePairs<String, String> in [
                [:], ["content-encoding": "snappy"], ["x-scope-orgid": "t"],
            ] {
                let answer = try await server.post(
                    Self.path, Self.protobuf, type: "application/x-protobuf", headers: headers)
                #expect(answer.status == 204)
            }
        }
        #expect(bed.store.logs.map(\.count) == [2, 1, 1, 1])
        #expect(bed.count("sidelight_receiver_items_total", "logs", "loki") == 5)
        // A retry is recognised.
        #expect(bed.store.digests[1] != nil && bed.store.digests[1] == bed.store.digests[2])
    }

    @Test("some bad entries are a 400 with the reason, after the good ones are stored")
    func partial() async throws {
        let bed = TestBed()
        let body =
            #"{"streams":[{"stream":{},"values":[["1700000000000000000","a"],["2000000000000000000","b"]]}]}"#
        let answer = try await bed.withHTTP { server in
            try await server.post(Self.path, Array(body.utf8), type: "application/json")
        }
        #expect(answer.status == 400)
        #expect(answer.text.contains("too_far_in_future"))
        #expect(bed.store.logs.map(\.count) == [1])
    }

    @Test("unreadable bodies and other types are refused and counted")
    func refused() async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            let body = Array(Self.json.utf8)
            for (bytes, type, status) in [
                (body, "text/plain", 415), (body, "application/x-protobuf", 400),
                (Array("{\"streams\":[".utf8), "application/json", 400),
                (Snappy.compress([0xFF, 0xFF]), "application/x-protobuf", 400),
            ] {
                let answer = try await server.post(Self.path, bytes, type: type)
                #expect(answer.status == status, "\(type)")
            }
            bed.store.answer(.failure(.overloaded(retryAfterMilliseconds: 100)))
            let answer = try await server.post(Self.path, body, type: "application/json")
            #expect(answer.status == 429 && answer["retry-after"] == "1")
        }
        #expect(
            bed.count("sidelight_receiver_refused_requests_total", "loki", "bad_request") == 2)
    }
}

@Suite("Elasticsearch bulk over HTTP")
struct ElasticsearchReceiverTests {
    @Test(
        "documents are stored and answered one by one",
        arguments: ["/_bulk", "/web/_bulk", "/elasticsearch/_bulk", "/elasticsearch/web/_bulk"])
    func accepted(path: String) async throws {
        let bed = TestBed()
        let body = """
            {"create":{}}
            {"@timestamp":"2023-11-14T22:13:19Z","message":"hello"}
            {"create":{"_index":"b"}}
            no object

            """
        let answer = try await bed.withHTTP { server in
            try await server.post(path, Array(body.utf8), type: "application/x-ndjson")
        }
        #expect(answer.status == 200)
        #expect(answer["x-elastic-product"] == "Elasticsearch")
        let index = path.contains("web") ? "web" : ""
        #expect(answer.text.hasPrefix(#"{"took":0,"errors":true,"items":[{"create":{"_index":"#))
        #expect(
            answer.text.contains("\"_index\":\"\(index)\",\"result\":\"created\",\"status\":201"))
        #expect(answer.text.contains(#"{"create":{"_index":"b","status":400,"error":{"type":"#))
        #expect(bed.store.logs.map(\.count) == [1])
        #expect(bed.store.logs.first?.body(0) == .string("hello"))
    }

    @Test("a document that is not stored for its time is answered with the reason")
    func refusedByTime() async throws {
        let bed = TestBed()
        let body = """
            {"create":{}}
            no object
            {"create":{}}
            {"@timestamp":"2033-11-14T22:13:19Z","message":"early"}
            {"create":{}}
            {"@timestamp":"2023-11-14T22:13:19Z","message":"hello"}

            """
        let answer = try await bed.withHTTP { server in
            try await server.post("/_bulk", Array(body.utf8), type: "application/x-ndjson")
        }
        #expect(answer.text.contains(#""errors":true"#))
        let statuses = answer.text.split(separator: "\"status\":").dropFirst().map { $0.prefix(3) }
        #expect(statuses == ["400", "400", "201"])
        #expect(answer.text.contains(#""reason":"too_far_in_future""#))
        #expect(bed.store.logs.map(\.count) == [1])
    }

    @Test("the same body for two indices is two requests, each with its retries")
    func indices() async throws {
        let bed = TestBed()
        let body =
            "{\"create\":{}}\n{\"@timestamp\":\"2023-11-14T22:13:19.123Z\",\"message\":\"m\"}\n"
        try await bed.withHTTP { server in
            for path in ["/a/_bulk", "/b/_bulk", "/b/_bulk"] {
                _ = try await server.post(path, Array(body.utf8))
            }
        }
        let digests = bed.store.digests
        try #require(digests.count == 3)
        #expect(digests[0] != nil && digests[0] != digests[1] && digests[1] == digests[2])
    }

    @Test("a document that shall go through a pipeline is refused, the others are taken")
    func pipelines() async throws {
        let bed = TestBed()
        let body = """
            {"index":{"pipeline":"p"}}
            {"message":"a"}
            {"index":{"pipeline":"_none"}}
            {"message":"b"}

            """
        let answer = try await bed.withHTTP { server in
            try await server.post("/_bulk", Array(body.utf8))
        }
        let statuses = answer.text.split(separator: "\"status\":").dropFirst().map { $0.prefix(3) }
        #expect(statuses == ["400", "201"])
        #expect(answer.text.contains("ingest pipelines are not run here (p)"))
        #expect(bed.store.logs.first?.body(0) == .string("b"))
    }

    @Test("what is no bulk body is refused whole")
    func refused() async throws {
        let bed = TestBed()
        let answer = try await bed.withHTTP { server in
            try await server.post("/_bulk", Array("{}\n{}\n".utf8))
        }
        #expect(answer.status == 400)
        #expect(answer["x-elastic-product"] == "Elasticsearch")
        let cause = #""type":"illegal_argument_exception","reason":"action at byte 0"#
        #expect(
            answer.text.hasPrefix(#"{"error":{"root_cause":[{"# + cause), "\(answer.text)")
        #expect(answer.text.contains("}]," + cause))
        #expect(answer.text.hasSuffix(#""},"status":400}"# + "\n"))
        #expect(bed.store.appendCount == 0)
    }
}
