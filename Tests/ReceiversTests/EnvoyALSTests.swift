import GRPCCore
import GRPCNIOTransportHTTP2
import HTTPServer
import Receivers
import Store
import Telemetry
import Testing
import WireFormats

@Suite("Envoy access log service over gRPC")
struct EnvoyALSTests {
    private struct Bytes: MessageSerializer, MessageDeserializer {
        func serialize<B: GRPCContiguousBytes>(_ message: [UInt8]) -> B { B(message) }
        func deserialize<B: GRPCContiguousBytes>(_ bytes: B) -> [UInt8] {
            bytes.withUnsafeBytes { Array($0) }
        }
    }

    private static func message(identified: Bool = false, path: String) -> [UInt8] {
        var writer = ProtobufWriter()
        if identified { writer.message(1) { $0.message(1) { $0.string(2, "front") } } }
        writer.message(2) { logs in
            logs.message(1) { entry in entry.message(3) { $0.string(5, path) } }
        }
        return writer.bytes
    }

    /// Calls the service, sends what `send` writes and gives the answer.
    private func call(
        _ bed: TestBed, metadata: Metadata = [:], tokens: TokenSet? = nil,
        send: @escaping @Sendable (RPCWriter<[UInt8]>, GRPCListener) async throws -> Void
    ) async throws -> [UInt8] {
        let listener = try await GRPCListener.open(
            .init(
                address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--otlp-grpc",
                tokens: tokens), ingest: bed.ingest)
        do {
            let answer = try await withGRPCClient(
                transport: try .http2NIOPosix(
                    target: .ipv4(address: "127.0.0.1", port: listener.address.port),
                    transportSecurity: .plaintext)
            ) { client in
                try await client.clientStreaming(
                    request: StreamingClientRequest(metadata: metadata) { writer in
                        try await send(writer, listener)
                    },
                    descriptor: MethodDescriptor(
                        fullyQualifiedService: "envoy.service.accesslog.v3.AccessLogService",
                        method: "StreamAccessLogs"),
                    serializer: Bytes(), deserializer: Bytes(), options: .defaults
                ) { response in try response.message }
            }
            await listener.shutdown(within: .seconds(2))
            return answer
        } catch {
            await listener.shutdown(within: .seconds(2))
            throw error
        }
    }

    @Test("every message of a call is stored; the sender is that of the first")
    func stored() async throws {
        let bed = TestBed()
        let answer = try await call(bed) { writer, _ in
            try await writer.write(Self.message(identified: true, path: "/a"))
            try await writer.write(Self.message(path: "/b"))
        }
        #expect(answer.isEmpty)
        let batches = bed.store.logs
        try #require(batches.count == 2)
        #expect(batches[1].record(at: 0).attributes.contains(Attribute("path", .string("/b"))))
        for batch in batches {
            #expect(batch.resource(at: batch.resourceIndices[0]).serviceName == "front")
        }
        #expect(bed.count("sidelight_receiver_items_total", "logs", "envoy_als") == 2)
    }

    @Test("a bad message is counted and the call goes on")
    func bad() async throws {
        let bed = TestBed()
        _ = try await call(bed) { writer, _ in
            try await writer.write([0x0A, 0xFF])
            try await writer.write(Self.message(path: "/after"))
        }
        #expect(bed.store.logs.map(\.count) == [1])
        #expect(
            bed.count("sidelight_receiver_refused_requests_total", "envoy_als", "bad_request")
                == 1)
    }

    @Test("what the store cannot keep is counted by reason")
    func unkept() async throws {
        let bed = TestBed()
        bed.store.answer(.failure(.damaged(path: "/d", reason: "torn")))
        _ = try await call(bed) { writer, _ in
            try await writer.write(Self.message(path: "/a"))
        }
        #expect(
            bed.count("sidelight_receiver_rejected_items_total", "logs", "envoy_als", "failed")
                == 1)
    }

    @Test("with tokens, a call must show one")
    func tokens() async throws {
        let bed = TestBed()
        let error = await #expect(throws: RPCError.self) {
            try await call(bed, tokens: TokenSet(["s3cret"])) { writer, _ in
                try await writer.write(Self.message(path: "/a"))
            }
        }
        #expect(error?.code == .unauthenticated)
        _ = try await call(
            bed, metadata: ["authorization": "Bearer s3cret"], tokens: TokenSet(["s3cret"])
        ) { writer, _ in try await writer.write(Self.message(path: "/a")) }
        #expect(bed.store.logs.count == 1)
    }

    @Test("a call that its sender never ends does not keep the server from stopping")
    func endless() async throws {
        let bed = TestBed()
        let clock = ContinuousClock()
        let started = clock.now
        _ = try await call(bed) { writer, listener in
            try await writer.write(Self.message(path: "/a"))
            while bed.store.logs.isEmpty { await Task.yield() }
            await listener.shutdown(within: .seconds(300))
        }
        #expect(clock.now - started < .seconds(200))
        #expect(bed.store.logs.map(\.count) == [1])
    }
}
