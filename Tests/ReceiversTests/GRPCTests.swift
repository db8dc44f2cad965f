import GRPCCore
import GRPCNIOTransportHTTP2
import HTTPServer
import Receivers
import Store
import Telemetry
import Testing
import WireFormats

@Suite struct GRPCTests {
    private static let traces = "opentelemetry.proto.collector.trace.v1.TraceService"
    private static let metrics = "opentelemetry.proto.collector.metrics.v1.MetricsService"
    private static let logs = "opentelemetry.proto.collector.logs.v1.LogsService"

    private struct Bytes: MessageSerializer, MessageDeserializer {
        func serialize<B: GRPCContiguousBytes>(_ message: [UInt8]) -> B { B(message) }
        func deserialize<B: GRPCContiguousBytes>(_ bytes: B) -> [UInt8] {
            bytes.withUnsafeBytes { Array($0) }
        }
    }

    private func withGRPC<R: Sendable>(
        _ bed: TestBed, sampling: SamplingAdvice? = nil,
        configure: (inout GRPCListener.Configuration) -> Void = { _ in },
        _ body: (GRPCListener, Caller) async throws -> R
    ) async throws -> R {
        var configuration = GRPCListener.Configuration(
            address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--otlp-grpc")
        configure(&configuration)
        let listener = try await GRPCListener.open(
            configuration, ingest: bed.ingest, sampling: sampling)
        do {
            let result = try await withGRPCClient(
                transport: try .http2NIOPosix(
                    target: .ipv4(address: "127.0.0.1", port: listener.address.port),
                    transportSecurity: .plaintext,
                    config: .defaults { $0.compression.enabledAlgorithms = [.gzip, .deflate] })
            ) { client in
                try await body(listener, Caller(client: client))
            }
            await listener.shutdown(within: .seconds(2))
            return result
        } catch {
            await listener.shutdown(within: .seconds(2))
            throw error
        }
    }

    private struct Caller: Sendable {
        let client: GRPCClient<HTTP2ClientTransport.Posix>

        /// Expects an acknowledgement without a partial success.
        func accepts(
            _ service: String, _ message: [UInt8], compression: CompressionAlgorithm? = nil
        ) async throws {
            let answer = try await export(service, message, compression: compression)
            #expect(answer.isEmpty)
        }

        func export(
            _ service: String, method: String = "Export", _ message: [UInt8],
            compression: CompressionAlgorithm? = nil, metadata: Metadata = [:]
        ) async throws -> [UInt8] {
            var options = CallOptions.defaults
            options.compression = compression
            return try await client.unary(
                request: ClientRequest(message: message, metadata: metadata),
                descriptor: MethodDescriptor(fullyQualifiedService: service, method: method),
                serializer: Bytes(), deserializer: Bytes(), options: options
            ) { response in try response.message }
        }
    }

    @Test("each signal is stored and acknowledged, plain and compressed")
    func accepted() async throws {
        let bed = TestBed()
        try await withGRPC(bed) { _, caller in
            for compression in [nil, CompressionAlgorithm.gzip, .deflate] {
                let spans = OTLPTraces.encode(Samples.spans(3))
                try await caller.accepts(Self.traces, spans, compression: compression)
                let logs = OTLPLogs.encode(Samples.logs(2))
                try await caller.accepts(Self.logs, logs, compression: compression)
                try await caller.accepts(
                    Self.metrics, Samples.otlpMetrics(), compression: compression)
            }
        }
        #expect(bed.store.spans.map(\.count) == [3, 3, 3])
        #expect(bed.store.logs.map(\.count) == [2, 2, 2])
        #expect(bed.store.metrics.count == 3)
        #expect(
            bed.store.digests.first == ContentHash(ofBody: OTLPTraces.encode(Samples.spans(3))))
        #expect(bed.count("sidelight_receiver_items_total", "traces", "otlp_grpc") == 9)
    }

    @Test("Jaeger's and Zipkin's spans are stored and acknowledged with empty messages")
    func otherSpans() async throws {
        func span(_ writer: inout ProtobufWriter, spanIDField: UInt32) {
            let id: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1]
            ([UInt8](repeating: 0, count: 8) + id).withUnsafeBytes { writer.bytes(1, $0) }
            id.withUnsafeBytes { writer.bytes(spanIDField, $0) }
        }
        var jaeger = ProtobufWriter()
        jaeger.message(1) { batch in
            batch.message(1) { writer in
                span(&writer, spanIDField: 2)
                writer.message(6) { $0.varint(1, UInt64(TestBed.now.seconds)) }
            }
        }
        var zipkin = ProtobufWriter()
        zipkin.message(1) { span(&$0, spanIDField: 3) }
        let calls = [
            ("jaeger.api_v2.CollectorService", "PostSpans", jaeger.bytes),
            ("zipkin.proto3.SpanService", "Report", zipkin.bytes),
        ]
        let bed = TestBed()
        try await withGRPC(bed) { _, caller in
            for (service, method, body) in calls {
                for compression in [nil, CompressionAlgorithm.gzip] {
                    let answer = try await caller.export(
                        service, method: method, body, compression: compression)
                    #expect(answer.isEmpty)
                }
                let error = await #expect(throws: RPCError.self) {
                    try await caller.export(service, method: method, Array(body.dropLast()))
                }
                #expect(error?.code == .invalidArgument)
            }
        }
        #expect(bed.store.spans.map(\.count) == [1, 1, 1, 1])
        #expect(bed.count("sidelight_receiver_items_total", "traces", "jaeger_grpc") == 2)
        #expect(
            bed.count("sidelight_receiver_refused_requests_total", "jaeger_grpc", "bad_request")
                == 1)
    }

    @Test("a Jaeger client is told what was refused: in a trailer, or as a failure of the call")
    func refusedSpans() async throws {
        func body(_ ids: [UInt8]) -> [UInt8] {
            var writer = ProtobufWriter()
            writer.message(1) { batch in
                for id in ids {
                    batch.message(1) { span in
                        [UInt8](repeating: id, count: 16).withUnsafeBytes { span.bytes(1, $0) }
                        [UInt8](repeating: 1, count: 8).withUnsafeBytes { span.bytes(2, $0) }
                        span.string(3, "schön")
                        span.message(6) { $0.varint(1, UInt64(TestBed.now.seconds)) }
                    }
                }
            }
            return writer.bytes
        }
        let bed = TestBed()
        try await withGRPC(bed) { _, caller in
            let method = MethodDescriptor(
                fullyQualifiedService: "jaeger.api_v2.CollectorService", method: "PostSpans")
            let told = try await caller.client.unary(
                request: ClientRequest(message: body([0, 1])), descriptor: method,
                serializer: Bytes(), deserializer: Bytes(), options: .defaults
            ) { response in
                let message = try response.message
                #expect(message.isEmpty)
                return response.trailingMetadata[stringValues: "sidelight-refused"].first { _ in
                    true
                }
            }
            #expect(
                told
                    == "1 of 2 spans were refused: 1 invalid_trace_id (first: span \"sch??n\")")
            let error = await #expect(throws: RPCError.self) {
                try await caller.export(
                    "jaeger.api_v2.CollectorService", method: "PostSpans", body([0]))
            }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("no span was stored: 1 invalid_trace_id") == true)
        }
        #expect(bed.store.spans.map(\.count) == [1])
    }

    @Test("load balancers learn that the receivers answer")
    func health() async throws {
        try await withGRPC(TestBed()) { _, caller in
            for service in ["", Self.traces, "jaeger.api_v2.CollectorService"] {
                var asked = ProtobufWriter()
                asked.string(1, service)
                let answer = try await caller.export(
                    "grpc.health.v1.Health", method: "Check", asked.bytes)
                #expect(answer == [8, 1], "\(service)")
            }
            var other = ProtobufWriter()
            other.string(1, "other")
            let error = await #expect(throws: RPCError.self) {
                try await caller.export("grpc.health.v1.Health", method: "Check", other.bytes)
            }
            #expect(error?.code == .notFound)
        }
    }

    @Test("Jaeger's clients are told over gRPC what they are told over HTTP")
    func sampling() async throws {
        let bed = TestBed()
        let strategies = SamplingStrategies(
            services: [
                "few": .init(strategy: .probabilistic(0.25), operations: ["GET /": 0.5]),
                "rate": .init(strategy: .rateLimiting(perSecond: 7)),
            ])
        let advice = SamplingAdvice(strategies: strategies, clock: bed.ingest.clock)
        func asked(_ service: String) -> [UInt8] {
            var writer = ProtobufWriter()
            writer.string(1, service)
            return writer.bytes
        }
        var few = ProtobufWriter()
        few.message(2) { $0.double(1, 0.25) }
        few.message(4) { operations in
            operations.double(1, 0.25)
            operations.message(3) {
                $0.string(1, "GET /")
                $0.message(2) { $0.double(1, 0.5) }
            }
        }
        let expected: [(String, [UInt8])] = [
            // 0: probabilistic, field 2 with a double of 0.001.
            ("none", [0x12, 9, 0x09, 0xFC, 0xA9, 0xF1, 0xD2, 0x4D, 0x62, 0x50, 0x3F]),
            ("rate", [0x08, 1, 0x1A, 2, 0x08, 7]), ("few", few.bytes),
        ]
        try await withGRPC(bed, sampling: advice) { _, caller in
            for (service, answer) in expected {
                let got = try await caller.export(
                    "jaeger.api_v2.SamplingManager", method: "GetSamplingStrategy",
                    asked(service))
                #expect(got == answer, "\(service)")
            }
            for bad in [[], [0x0A, 0xFF]] as [[UInt8]] {
                let error = await #expect(throws: RPCError.self) {
                    try await caller.export(
                        "jaeger.api_v2.SamplingManager", method: "GetSamplingStrategy", bad)
                }
                #expect(error?.code == .invalidArgument)
            }
        }
    }

    @Test("what is refused before it is decoded is counted under the protocol that was called")
    func countedByProtocol() async throws {
        let bed = TestBed()
        try await withGRPC(bed, configure: { $0.transportBytesMax = 100 }) { _, caller in
            for (service, method) in [
                ("jaeger.api_v2.CollectorService", "PostSpans"),
                ("zipkin.proto3.SpanService", "Report"), (Self.traces, "Export"),
            ] {
                let error = await #expect(throws: RPCError.self) {
                    try await caller.export(
                        service, method: method, [UInt8](repeating: 0, count: 200))
                }
                #expect(error?.code == .resourceExhausted)
            }
        }
        for way in ["jaeger_grpc", "zipkin", "otlp_grpc"] {
            let refused = bed.count(
                "sidelight_receiver_refused_requests_total", way, "body_too_large")
            #expect(refused == 1, "\(way)")
        }
    }

    @Test("bad spans are a partial success")
    func partialSuccess() async throws {
        let bed = TestBed()
        let answer = try await withGRPC(bed) { _, caller in
            try await caller.export(
                Self.traces, OTLPTraces.encode(Samples.spansWithZeroTraceID()))
        }
        #expect(String(decoding: answer, as: UTF8.self).contains("1 invalid_trace_id"))
        #expect(bed.store.spans.map(\.count) == [1])
    }

    @Test("garbage and cut messages are INVALID_ARGUMENT", arguments: [1, 10, 40])
    func garbage(count: Int) async throws {
        let bed = TestBed()
        try await withGRPC(bed) { _, caller in
            let error = await #expect(throws: RPCError.self) {
                try await caller.export(
                    Self.traces, Array(OTLPTraces.encode(Samples.spans(1)).prefix(count)))
            }
            #expect(error?.code == .invalidArgument)
            await #expect(throws: RPCError.self) {
                try await caller.export(Self.logs, [UInt8](repeating: 0xFF, count: count))
            }
        }
        #expect(bed.store.appendCount == 0)
        #expect(
            bed.count("sidelight_receiver_refused_requests_total", "otlp_grpc", "bad_request")
                == 2)
    }

    @Test("an overloaded store is RESOURCE_EXHAUSTED with the delay as RetryInfo")
    func overloaded() async throws {
        let bed = TestBed()
        bed.store.answer(.failure(.overloaded(retryAfterMilliseconds: 1_500)))
        let error = try await withGRPC(bed) { _, caller in
            await #expect(throws: RPCError.self) {
                try await caller.export(Self.traces, OTLPTraces.encode(Samples.spans(1)))
            }
        }
        #expect(error?.code == .resourceExhausted)
        let details = try #require(
            error?.metadata[binaryValues: "grpc-status-details-bin"].first { _ in true })
        let expected = RPCStatus(
            .resourceExhausted, error?.message ?? "", retryDelayNanoseconds: 1_500_000_000)
        #expect(details == expected.protobuf)
        #expect(
            String(decoding: details, as: UTF8.self)
                .contains("type.googleapis.com/google.rpc.RetryInfo"))
    }

    @Test(
        "other refusals have their own codes",
        arguments: [
            (StoreError.writeFailed(path: "/d", reason: "disk full"), RPCError.Code.unavailable),
            (.closed, .unavailable), (.damaged(path: "/d", reason: "torn"), .internalError),
        ])
    func refused(error: StoreError, code: RPCError.Code) async throws {
        let bed = TestBed()
        bed.store.answer(.failure(error))
        let thrown = try await withGRPC(bed) { _, caller in
            await #expect(throws: RPCError.self) {
                try await caller.export(Self.logs, OTLPLogs.encode(Samples.logs(1)))
            }
        }
        #expect(thrown?.code == code)
    }

    @Test("messages over the limit, also after expansion, are refused and stored nowhere")
    func tooLarge() async throws {
        let bed = TestBed()
        try await withGRPC(bed, configure: { $0.messageBytesMax = 10_000 }) { _, caller in
            let large = OTLPTraces.encode(
                Samples.spans(1, name: String(repeating: "n", count: 10_000)))
            for compression in [nil, CompressionAlgorithm.gzip] {
                let error = await #expect(throws: RPCError.self) {
                    try await caller.export(Self.traces, large, compression: compression)
                }
                #expect(error?.code == .resourceExhausted)
                // Retrying would not help: no RetryInfo.
                let details = error?.metadata[binaryValues: "grpc-status-details-bin"]
                    .first { _ in true }
                #expect(
                    details == RPCStatus(.resourceExhausted, error?.message ?? "").protobuf)
            }
            try await caller.accepts(Self.traces, OTLPTraces.encode(Samples.spans(1)))
        }
        #expect(bed.store.spans.map(\.count) == [1])
    }

    @Test("an unknown service is UNIMPLEMENTED")
    func unknownService() async throws {
        let bed = TestBed()
        let error = try await withGRPC(bed) { _, caller in
            await #expect(throws: RPCError.self) {
                try await caller.export("no.such.Service", [])
            }
        }
        #expect(error?.code == .unimplemented)
    }

    @Test("with tokens, calls must show one")
    func tokens() async throws {
        let bed = TestBed()
        try await withGRPC(bed, configure: { $0.tokens = TokenSet(["s3cret"]) }) { _, caller in
            let body = OTLPTraces.encode(Samples.spans(1))
            let error = await #expect(throws: RPCError.self) {
                try await caller.export(Self.traces, body)
            }
            #expect(error?.code == .unauthenticated)
            let answer = try await caller.export(
                Self.traces, body, metadata: ["authorization": "Bearer s3cret"])
            #expect(answer.isEmpty)
        }
        #expect(bed.store.spans.count == 1)
    }

    @Test("a taken port is an error that names the address and the flag")
    func takenPort() async throws {
        let bed = TestBed()
        try await withGRPC(bed) { listener, _ in
            _ = await #expect(throws: ListenError.taken(listener.address, flag: "--otlp-grpc")) {
                try await GRPCListener.open(
                    .init(address: listener.address, flag: "--otlp-grpc"), ingest: bed.ingest)
            }
        }
    }

    @Test("shutdown lets a call in progress finish")
    func gracefulShutdown() async throws {
        let bed = TestBed()
        bed.store.hold()
        try await withGRPC(bed) { listener, caller in
            async let answer = caller.export(Self.traces, OTLPTraces.encode(Samples.spans(1)))
            while bed.store.heldCount == 0 { await Task.yield() }
            async let stopped: Void = listener.shutdown(within: .seconds(300))
            bed.store.release()
            let acknowledgement = try await answer
            #expect(acknowledgement.isEmpty)
            await stopped
        }
    }

    @Test("shutdown does not wait for a stuck call longer than its grace")
    func forcedShutdown() async throws {
        let bed = TestBed()
        bed.store.hold()
        try await withGRPC(bed) { listener, caller in
            async let answer = caller.export(Self.traces, OTLPTraces.encode(Samples.spans(1)))
            while bed.store.heldCount == 0 { await Task.yield() }
            await listener.shutdown(within: .milliseconds(100))
            bed.store.release()
            _ = try? await answer
        }
    }
}
