import Compression
import HTTPServer
import Pipeline
import Store
import Telemetry
import Testing
import WireFormats

@Suite struct OTLPHTTPTests {
    private static let protobuf = "application/x-protobuf"

    @Test("each signal is stored and acknowledged in protobuf")
    func accepted() async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            for (path, body) in [
                ("/v1/traces", OTLPTraces.encode(Samples.spans(3))),
                ("/v1/logs", OTLPLogs.encode(Samples.logs(4))),
                // Where senders to Loki send them.
                ("/otlp/v1/logs", OTLPLogs.encode(Samples.logs(5))),
                ("/v1/metrics", Samples.otlpMetrics()),
            ] {
                let answer = try await server.post(path, body, type: Self.protobuf)
                #expect(answer.status == 200)
                #expect(answer["content-type"] == Self.protobuf)
                #expect(answer.body.isEmpty)
            }
        }
        #expect(bed.store.spans.map(\.count) == [3])
        #expect(bed.store.spans.first?.span(at: 2) == Samples.spans(3).span(at: 2))
        #expect(bed.store.logs.map(\.count) == [4, 5])
        #expect(bed.store.metrics.first?.sampleValues.contains(4) == true)
        #expect(bed.count("sidelight_receiver_items_total", "traces", "otlp_http") == 3)
        #expect(bed.count("sidelight_receiver_items_total", "logs", "otlp_http") == 9)
    }

    @Test("a request is answered only when its spans are durable")
    func durability() async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            bed.store.hold()
            let answered = Flag()
            async let answer = {
                let answer = try await server.post(
                    "/v1/traces", OTLPTraces.encode(Samples.spans(1)), type: Self.protobuf)
                answered.set()
                return answer
            }()
            while bed.store.heldCount == 0 { await Task.yield() }
            #expect(!answered.isSet)
            bed.store.release()
            let status = try await answer.status
            #expect(status == 200)
        }
    }

    @Test("the digest is that of the expanded body, whatever its encoding")
    func digest() async throws {
        let bed = TestBed()
        let body = OTLPTraces.encode(Samples.spans(10))
        try await bed.withHTTP { server in
            let bodies: [(String, [UInt8])] = [
                ("identity", body), ("gzip", try Zlib.compress(body, format: .gzip)),
                ("deflate", try Zlib.compress(body, format: .zlib)),
                ("zstd", Zstd.compress(body, level: 1)),
            ]
            for (encoding, body) in bodies {
                let answer = try await server.post(
                    "/v1/traces", body, type: Self.protobuf,
                    headers: ["content-encoding": encoding])
                #expect(answer.status == 200)
            }
        }
        #expect(bed.store.digests == Array(repeating: ContentHash(ofBody: body), count: 4))
        #expect(bed.store.spans.map(\.count) == [10, 10, 10, 10])
    }

    @Test("a retry that the store knows is acknowledged and counted as such")
    func duplicate() async throws {
        let bed = TestBed()
        bed.store.answer(.success(.duplicate))
        try await bed.withHTTP { server in
            let answer = try await server.post(
                "/v1/traces", OTLPTraces.encode(Samples.spans(1)), type: Self.protobuf)
            #expect(answer.status == 200)
            #expect(answer.body.isEmpty)
        }
        #expect(bed.count("sidelight_receiver_repeated_requests_total", "traces", "otlp_http") == 1)
        #expect(bed.count("sidelight_receiver_items_total", "traces", "otlp_http") == 0)
    }

    @Test("bad spans are reported as a partial success and the good ones are stored")
    func partialSuccess() async throws {
        let bed = TestBed()
        var batch = Samples.spansWithZeroTraceID()
        batch.append(
            SpanRecord(
                traceID: TraceID(high: 1, low: 1), spanID: SpanID(0xABC), name: "ahead",
                start: TestBed.now.advanced(byNanoseconds: 601_000_000_000), duration: 1),
            resource: 0, scope: 0)
        let body = OTLPTraces.encode(batch)
        let answer = try await bed.withHTTP { server in
            try await server.post("/v1/traces", body, type: Self.protobuf)
        }
        #expect(answer.status == 200)
        // partial_success (field 1) with rejected_spans (field 1) = 2.
        #expect(answer.body.first == 0x0A)
        #expect(answer.body.dropFirst(answer.body.count > 129 ? 3 : 2).starts(with: [0x08, 2]))
        #expect(answer.text.contains("1 invalid_trace_id"))
        #expect(answer.text.contains("1 too_far_in_future (first: span 0000000000000abc"))
        #expect(bed.store.spans.map(\.count) == [1])
        #expect(bed.store.spans.first?.spanIDs == [SpanID(2)])
        let rejected = "sidelight_receiver_rejected_items_total"
        #expect(bed.count(rejected, "traces", "otlp_http", "invalid_trace_id") == 1)
        #expect(bed.count(rejected, "traces", "otlp_http", "too_far_in_future") == 1)
    }

    @Test("a request of which nothing is left is a partial success without an append")
    func allRejected() async throws {
        let bed = TestBed()
        let old = TestBed.now.advanced(byNanoseconds: -2 * 86_400_000_000_000)
        let answer = try await bed.withHTTP { server in
            try await server.post(
                "/v1/logs", OTLPLogs.encode(Samples.logs(2, time: old)), type: Self.protobuf)
        }
        #expect(answer.status == 200)
        #expect(answer.text.contains("2 before_retention"))
        #expect(bed.store.appendCount == 0)
    }

    @Test(
        "a body that is cut off anywhere inside a message is 400 with a status, and stores nothing")
    func truncated() async throws {
        let bed = TestBed()
        let body = OTLPTraces.encode(Samples.spans(1))
        try await bed.withHTTP { server in
            // One resource_spans message makes up the whole body, so that every cut is inside it.
            for count in 1..<body.count {
                let answer = try await server.post(
                    "/v1/traces", Array(body.prefix(count)), type: Self.protobuf)
                #expect(answer.status == 400, "\(count) of \(body.count) bytes")
                #expect(answer["content-type"] == Self.protobuf)
                // google.rpc.Status.code = INVALID_ARGUMENT.
                #expect(answer.body.starts(with: [0x08, 3]))
            }
        }
        #expect(bed.store.appendCount == 0)
        #expect(
            bed.count("sidelight_receiver_refused_requests_total", "otlp_http", "bad_request")
                == UInt64(body.count - 1))
    }

    @Test("garbage is 400 for every signal", arguments: ["/v1/traces", "/v1/metrics", "/v1/logs"])
    func garbage(path: String) async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            let body = [UInt8](repeating: 0xFF, count: 500)
            #expect(try await server.post(path, body, type: Self.protobuf).status == 400)
            let json = try await server.post(
                path, Array("{\"resource".utf8), type: "application/json; charset=utf-8")
            #expect(json.status == 400)
            #expect(json["content-type"] == "application/json")
            #expect(json.text.hasPrefix("{\"code\":3,\"message\":\""))
        }
        #expect(bed.store.appendCount == 0)
    }

    @Test("an empty request is a success that stores nothing")
    func empty() async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            #expect(try await server.post("/v1/traces", [], type: Self.protobuf).status == 200)
            let json = try await server.post(
                "/v1/traces", Array("{}".utf8), type: "application/json")
            #expect(json.status == 200)
            #expect(json.text == "{}")
        }
        #expect(bed.store.appendCount == 0)
    }

    @Test("JSON is stored and acknowledged in JSON")
    func json() async throws {
        let bed = TestBed()
        let body = """
            {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":\
            {"stringValue":"cart"}}]},"scopeSpans":[{"scope":{"name":"tests"},"spans":[\
            {"traceId":"00000000000000070000000000000001","spanId":"0000000000000001",\
            "name":"GET /cart","startTimeUnixNano":"1700000000000000000",\
            "endTimeUnixNano":"1700000000000001000"},\
            {"traceId":"00000000000000000000000000000000","spanId":"0000000000000002",\
            "name":"bad","startTimeUnixNano":"1700000000000000000",\
            "endTimeUnixNano":"1700000000000001000"}]}]}]}
            """
        let answer = try await bed.withHTTP { server in
            try await server.post("/v1/traces", Array(body.utf8), type: "application/json")
        }
        #expect(answer.status == 200)
        #expect(answer["content-type"] == "application/json")
        #expect(answer.text.hasPrefix("{\"partialSuccess\":{\"rejectedSpans\":\"1\""))
        #expect(bed.store.spans.first?.names.count == 1)
    }

    @Test("other content types are 415", arguments: ["text/plain", "application/grpc", "", nil])
    func contentType(type: String?) async throws {
        let bed = TestBed()
        let answer = try await bed.withHTTP { server in
            try await server.post("/v1/logs", OTLPLogs.encode(Samples.logs(1)), type: type)
        }
        #expect(answer.status == 415)
        #expect(bed.store.appendCount == 0)
        #expect(
            bed.count(
                "sidelight_receiver_refused_requests_total", "otlp_http", "unsupported_media_type")
                == 1)
    }

    @Test("too large, unknown encoding and wrong method are told as a status")
    func refusedBeforeReading() async throws {
        let bed = TestBed()
        var limits = HTTPLimits()
        limits.bodyBytesMax = 1_000
        limits.expandedBytesMax = 2_000
        try await bed.withHTTP(limits: limits) { server in
            let large = try await server.post(
                "/v1/traces", [UInt8](repeating: 0, count: 1_001), type: Self.protobuf)
            #expect(large.status == 413)
            #expect(large.body.starts(with: [0x08, 3]))
            let bomb = try await server.post(
                "/v1/traces",
                try Zlib.compress([UInt8](repeating: 0, count: 100_000), format: .gzip),
                type: "application/json", headers: ["content-encoding": "gzip"])
            #expect(bomb.status == 413)
            #expect(bomb.text.hasPrefix("{\"code\":3"))
            let unknown = try await server.post(
                "/v1/traces", [1, 2, 3], type: Self.protobuf,
                headers: ["content-encoding": "br"])
            #expect(unknown.status == 415)
            #expect(unknown.text.contains("br"))
            let cut = try await server.post(
                "/v1/traces", Array(try Zlib.compress([1, 2, 3], format: .gzip).dropLast(3)),
                type: Self.protobuf, headers: ["content-encoding": "gzip"])
            #expect(cut.status == 400)
        }
        let refused = "sidelight_receiver_refused_requests_total"
        #expect(bed.count(refused, "otlp_http", "body_too_large") == 2)
        #expect(bed.count(refused, "otlp_http", "undecodable_encoding") == 1)
    }

    @Test(
        "what the store refuses is told with the time of a retry",
        arguments: [
            (.overloaded(retryAfterMilliseconds: 1_500), 429, "2", 8),
            (.overloaded(retryAfterMilliseconds: 0), 429, "1", 8),
            (.writeFailed(path: "/d/j.log", reason: "disk full"), 503, "5", 14),
            (.closed, 503, "5", 14), (.damaged(path: "/d/a.db", reason: "torn"), 500, nil, 13),
        ] as [(StoreError, Int, String?, UInt8)])
    func storeRefusal(error: StoreError, status: Int, retry: String?, code: UInt8) async throws {
        let bed = TestBed()
        bed.store.answer(.failure(error))
        let answer = try await bed.withHTTP { server in
            try await server.post(
                "/v1/traces", OTLPTraces.encode(Samples.spans(1)), type: Self.protobuf)
        }
        #expect(answer.status == status)
        #expect(answer["retry-after"] == retry)
        #expect(answer.body.starts(with: [0x08, code]))
        #expect(bed.count("sidelight_receiver_items_total", "traces", "otlp_http") == 0)
    }

    @Test("log records without a time of their own are never taken for a retry")
    func logsWithoutTime() async throws {
        let bed = TestBed()
        var batch = Samples.logs(1)
        batch.times[0] = .zero
        batch.observedTimes[0] = .zero
        let body = OTLPLogs.encode(batch)
        try await bed.withHTTP { server in
            _ = try await server.post("/v1/logs", body, type: Self.protobuf)
        }
        #expect(bed.store.digests == [nil])
        #expect(bed.store.logs.first?.times == [TestBed.now])
    }
}
