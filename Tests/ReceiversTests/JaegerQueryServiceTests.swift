import GRPCCore
import GRPCNIOTransportHTTP2
import HTTPServer
import Logging
import Platform
import QueryAPI
import QueryCore
import Receivers
import Store
import Telemetry
import Testing
import WireFormats

@Suite("Jaeger's query service over gRPC")
struct JaegerQueryServiceTests {
    private static let start = Timestamp(seconds: 1_767_323_000)

    /// Trace 1 has two spans of `web`, trace 2 many of `batch`.
    private func store() -> MemoryStore {
        let store = MemoryStore { _, _ in false }
        func add(_ service: String, trace: UInt64, _ count: UInt64) {
            var batch = SpanBatch()
            let resource = batch.append(
                Resource(attributes: [Attribute("service.name", .string(service))]))
            let scope = batch.append(Scope())
            for id in 1...count {
                var span = SpanRecord(
                    traceID: TraceID(high: 0xA, low: trace), spanID: SpanID(id), name: "call",
                    start: Self.start.advanced(byNanoseconds: Int64(id)), duration: 5_000_000)
                span.kind = .server
                span.attributes = [Attribute("n", .int(Int64(id)))]
                batch.append(span, resource: resource, scope: scope)
            }
            store.append(spans: batch, digest: nil) { _ in }
        }
        add("web", trace: 1, 2)
        add("batch", trace: 2, 2_500)
        return store
    }

    private struct Bytes: MessageSerializer, MessageDeserializer {
        func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) -> Bytes { Bytes(message) }

        func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) -> [UInt8] {
            bytes.withUnsafeBytes { Array($0) }
        }
    }

    /// The messages that a call is answered with.
    private func call(
        _ method: String, tokens: TokenSet? = nil,
        _ write: (inout ProtobufWriter) -> Void = { _ in }
    ) async throws -> [[UInt8]] {
        let runner = QueryRunner(
            pool: BlockingPool(name: "queries", threads: 2, capacity: 64),
            clock: ManualClock(wallNanoseconds: Self.start.nanoseconds))
        let events = EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let service = JaegerQueryService(
            JaegerAPI(store: store(), runner: runner), tokens: tokens)
        let listener = try await GRPCListener.open(
            .init(
                address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--jaeger-query-grpc"),
            services: [service], events: events)
        var writer = ProtobufWriter()
        write(&writer)
        let message = writer.bytes
        do {
            let answers = try await withGRPCClient(
                transport: try .http2NIOPosix(
                    target: .ipv4(address: "127.0.0.1", port: listener.address.port),
                    transportSecurity: .plaintext)
            ) { client in
                try await client.serverStreaming(
                    request: ClientRequest(message: message),
                    descriptor: MethodDescriptor(
                        fullyQualifiedService: "jaeger.api_v3.QueryService", method: method),
                    serializer: Bytes(), deserializer: Bytes(), options: .defaults
                ) { response in
                    var messages: [[UInt8]] = []
                    for try await message in response.messages { messages.append(message) }
                    return messages
                }
            }
            await listener.shutdown(within: .seconds(2))
            return answers
        } catch {
            await listener.shutdown(within: .seconds(2))
            throw error
        }
    }

    private func spans(_ messages: [[UInt8]]) throws -> Int {
        try messages.reduce(0) { try $0 + OTLPTraces.decode(protobuf: $1).batch.count }
    }

    @Test("services and operations are listed")
    func lists() async throws {
        var expected = ProtobufWriter()
        expected.string(1, "batch")
        expected.string(1, "web")
        #expect(try await call("GetServices") == [expected.bytes])
        var operation = ProtobufWriter()
        operation.message(1) {
            $0.string(1, "call")
            $0.string(2, "server")
        }
        #expect(try await call("GetOperations") { $0.string(1, "web") } == [operation.bytes])
    }

    @Test("a trace comes whole, a large one in pieces")
    func traces() async throws {
        let small = try await call("GetTrace") { $0.string(1, "a0000000000000001") }
        #expect(try spans(small) == 2)
        let large = try await call("GetTrace") { $0.string(1, "a0000000000000002") }
        #expect(large.count == 3)
        #expect(try spans(large) == 2_500)
    }

    private func write(
        _ writer: inout ProtobufWriter, _ query: (inout ProtobufWriter) -> Void
    ) {
        writer.message(1) { inner in
            query(&inner)
            inner.message(4) { $0.varint(1, 1_767_322_000) }
            inner.message(5) {
                $0.varint(1, 1_767_323_000)
                $0.varint(2, 500)
            }
        }
    }

    @Test("a search honours service, attributes, durations and times")
    func search() async throws {
        let all = try await call("FindTraces") { write(&$0) { $0.string(1, "web") } }
        #expect(try spans(all) == 2)
        let tagged = try await call("FindTraces") {
            write(&$0) { query in
                query.message(3) {
                    $0.string(1, "n")
                    $0.string(2, "2400")
                }
            }
        }
        #expect(tagged.isEmpty, "the span starts after the search's end")
        let slow = try await call("FindTraces") {
            write(&$0) { query in query.message(6) { $0.varint(2, 5_000_001) } }
        }
        #expect(slow.isEmpty)
        let number = try await call("FindTraces") {
            write(&$0) { query in
                query.message(3) {
                    $0.string(1, "n")
                    $0.string(2, "400")
                }
            }
        }
        #expect(try spans(number) == 2_500)
    }

    private func failure(_ method: String, _ write: (inout ProtobufWriter) -> Void) async
        -> RPCError?
    {
        do {
            _ = try await call(method, write)
            return nil
        } catch { return error as? RPCError }
    }

    @Test("what is wrong has the code for it")
    func refusals() async throws {
        #expect(await failure("GetTrace") { $0.string(1, "ff") }?.code == .notFound)
        #expect(await failure("GetTrace") { $0.string(1, "x") }?.code == .invalidArgument)
        #expect(await failure("FindTraces") { _ in }?.code == .invalidArgument)
        #expect(await failure("GetOperations") { _ in }?.code == .invalidArgument)
    }
}
