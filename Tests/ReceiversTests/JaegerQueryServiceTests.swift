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
        _ method: String, version: Int = 3, service: String? = nil, tokens: TokenSet? = nil,
        _ write: (inout ProtobufWriter) -> Void = { _ in }
    ) async throws -> [[UInt8]] {
        let runner = QueryRunner(
            pool: BlockingPool(name: "queries", threads: 2, capacity: 64),
            clock: ManualClock(wallNanoseconds: Self.start.nanoseconds))
        let events = EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let store = store()
        let api = JaegerAPI(store: store, runner: runner)
        let listener = try await GRPCListener.open(
            .init(
                address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--jaeger-query-grpc"),
            services: [
                JaegerQueryService(api, tokens: tokens), JaegerQueryServiceV2(api, tokens: tokens),
                TempoStreamService(
                    TempoAPI(
                        store: store, runner: runner,
                        server: ServerFacts(version: "", startedAt: .zero)), tokens: tokens),
                GRPCHealthService(["jaeger.api_v3.QueryService"]),
            ], events: events)
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
                        fullyQualifiedService: service ?? "jaeger.api_v\(version).QueryService",
                        method: method),
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

    @Test("a filter of a search is honoured, and refused beside other conditions")
    func filter() async throws {
        /// `Call { op = "eq", args = [{ attr: { key, level } }, { scalar: { value, type } }] }`
        func eq(_ writer: inout ProtobufWriter, _ key: String, _ value: String) {
            writer.message(10) { call in
                call.string(1, "eq")
                call.message(2) { term in
                    term.message(1) {
                        $0.string(1, key)
                        $0.string(2, "span")
                    }
                }
                call.message(2) { term in
                    term.message(4) {
                        $0.string(1, value)
                        $0.string(2, "int")
                    }
                }
            }
        }
        let found = try await call("FindTraces") { write(&$0) { eq(&$0, "n", "400") } }
        #expect(try spans(found) == 2_500)
        let nothing = try await call("FindTraces") { write(&$0) { eq(&$0, "n", "4000") } }
        #expect(nothing.isEmpty)
        let both = await failure("FindTraces") {
            write(&$0) { query in
                query.string(1, "web")
                eq(&query, "n", "400")
            }
        }
        #expect(both?.code == .invalidArgument)
        let wrong = await failure("FindTraces") { write(&$0) { eq(&$0, "n", "x") } }
        #expect(wrong?.code == .invalidArgument)
    }

    @Test("summaries of traces come without their spans, dependencies as calls")
    func summaries() async throws {
        let found = try await call("FindTraceSummaries") { write(&$0) { $0.string(1, "web") } }
        let summaries = try found.flatMap { try Self.fields($0)[1, default: []] }
        let summary = try Self.fields(try #require(summaries.first))
        #expect(summaries.count == 1)
        #expect(summary[1] == [Array("000000000000000a0000000000000001".utf8)])
        #expect(summary[2] == [Array("web".utf8)] && summary[3] == [Array("call".utf8)])
        #expect(summary[6] == [[2]] && summary[7] == nil)
        let service = try Self.fields(try #require(summary[9]?.first))
        #expect(service[1] == [Array("web".utf8)] && service[2] == [[2]])
        #expect(try await call("GetDependencies") == [[]])
    }

    @Test("probes learn that the services answer")
    func health() async throws {
        let health = "grpc.health.v1.Health"
        #expect(try await call("Check", service: health) == [[8, 1]])
        let named = try await call("Check", service: health) {
            $0.string(1, "jaeger.api_v3.QueryService")
        }
        #expect(named == [[8, 1]])
        do {
            _ = try await call("Check", service: health) { $0.string(1, "other") }
            Issue.record("an unknown service was found")
        } catch let error as RPCError { #expect(error.code == .notFound) }
    }

    // MARK: Tempo's

    private func stream(
        _ method: String, _ write: (inout ProtobufWriter) -> Void = { _ in }
    ) async throws -> [UInt32: [[UInt8]]] {
        try Self.fields(
            try await call(method, service: "tempopb.StreamingQuerier", write).flatMap { $0 })
    }

    @Test("Tempo's search streams traces with the spans that match")
    func tempoSearch() async throws {
        let found = try await stream("Search") {
            $0.string(8, "{ resource.service.name = \"web\" }")
            $0.varint(4, 5)
        }
        let trace = try Self.fields(try #require(found[1]?.first))
        #expect(found[1]?.count == 1 && found[2]?.count == 1)
        #expect(trace[1] == [Array("000000000000000a0000000000000001".utf8)])
        let set = try Self.fields(try #require(trace[7]?.first))
        #expect(set[1]?.count == 2 && set[2] == [[2]])
        let tagged = try await stream("Search") {
            $0.message(1) {
                $0.string(1, "service.name")
                $0.string(2, "no\"body")
            }
        }
        #expect(tagged[1] == nil)
        do {
            _ = try await stream("Search") { $0.string(8, "{") }
            Issue.record("a query that is none was answered")
        } catch let error as RPCError { #expect(error.code == .invalidArgument) }
    }

    @Test("Tempo's lists and series are streamed")
    func tempoLists() async throws {
        let names = try await stream("SearchTags") { $0.string(1, "resource") }
        #expect(names[1] == [Array("service.name".utf8)])
        let scopes = try await stream("SearchTagsV2") { $0.string(1, "resource") }
        #expect(try Self.fields(try #require(scopes[1]?.first))[1] == [Array("resource".utf8)])
        let texts = try await stream("SearchTagValues") { $0.string(1, "resource.service.name") }
        #expect(texts[1] == [Array("batch".utf8), Array("web".utf8)])
        let values = try await stream("SearchTagValuesV2") {
            $0.string(1, "resource.service.name")
        }
        #expect(try Self.fields(try #require(values[1]?.first))[1] == [Array("string".utf8)])
        let second: Int64 = 1_000_000_000
        let start = Self.start.nanoseconds
        for method in ["MetricsQueryRange", "MetricsQueryInstant"] {
            let answer = try await stream(method) {
                $0.string(1, "{ resource.service.name = \"web\" } | count_over_time()")
                $0.varint(2, UInt64(start - 3_600 * second))
                $0.varint(3, UInt64(start + 3_600 * second))
                $0.varint(4, UInt64(7_200 * second))
                $0.varint(16, 10)
            }
            let series = try Self.fields(try #require(answer[1]?.first))
            let label = try Self.fields(try #require(series[1]?.first))
            #expect(answer[1]?.count == 1 && answer[2]?.count == 1, "\(method)")
            #expect(label[1] == [Array("__name__".utf8)], "\(method)")
            // The values of an instant are doubles, which are no such fields.
            #expect((series[2] != nil) == (method == "MetricsQueryRange"))
        }
    }

    // MARK: The older version

    /// The spans of `SpansResponseChunk`s, as the fields of each.
    private func models(_ messages: [[UInt8]]) throws -> [[UInt32: [[UInt8]]]] {
        try messages.flatMap { message in
            try Self.fields(message)[1, default: []].map { try Self.fields($0) }
        }
    }

    /// The bytes of every field with a length; numbers as their varint.
    private static func fields(_ message: [UInt8]) throws -> [UInt32: [[UInt8]]] {
        var found: [UInt32: [[UInt8]]] = [:]
        try message.withUnsafeBytes { bytes in
            var reader = ProtobufReader(bytes)
            while reader.remaining > 0 {
                let key = try reader.nextKey()
                if key & 7 == 2 {
                    found[key >> 3, default: []].append(Array(try reader.bytes("field")))
                } else if key & 7 == 0 {
                    let value = try reader.varint("field")
                    found[key >> 3, default: []].append([UInt8(truncatingIfNeeded: value)])
                } else {
                    try reader.skip(key)
                }
            }
        }
        return found
    }

    private static let binaryID: [UInt8] =
        [0, 0, 0, 0, 0, 0, 0, 0xA] + [0, 0, 0, 0, 0, 0, 0, 1]

    private func writeID(_ id: [UInt8], to writer: inout ProtobufWriter) {
        id.withUnsafeBytes { writer.presentBytes(1, $0) }
    }

    @Test("api_v2 answers with spans in Jaeger's model")
    func oldTraces() async throws {
        let spans = try models(
            try await call("GetTrace", version: 2) { writeID(Self.binaryID, to: &$0) })
        try #require(spans.count == 2)
        let second = spans[1]
        #expect(second[1] == [Self.binaryID])
        #expect(second[2] == [[0, 0, 0, 0, 0, 0, 0, 2]])
        #expect(second[3] == [Array("call".utf8)])
        let tags = try (second[8] ?? []).map { try Self.fields($0) }
        #expect(tags.contains { $0[1] == [Array("n".utf8)] && $0[2] == [[2]] && $0[5] == [[2]] })
        #expect(
            tags.contains {
                $0[1] == [Array("span.kind".utf8)] && $0[3] == [Array("server".utf8)]
            })
        let process = try Self.fields(try #require(second[10]?.first))
        #expect(process[1] == [Array("web".utf8)])
        // 5 ms and no seconds.
        #expect(try Self.fields(try #require(second[7]?.first))[1] == nil)

        let found = try await call("FindTraces", version: 2) {
            write(&$0) { query in
                query.message(3) {
                    $0.string(1, "n")
                    $0.string(2, "400")
                }
            }
        }
        #expect(try models(found).count == 2_500)
        #expect(found.count == 5)
    }

    @Test("api_v2 lists services, operations and dependencies, and archives nothing")
    func oldLists() async throws {
        var services = ProtobufWriter()
        services.string(1, "batch")
        services.string(1, "web")
        #expect(try await call("GetServices", version: 2) == [services.bytes])
        var operations = ProtobufWriter()
        operations.string(1, "call")
        operations.message(2) {
            $0.string(1, "call")
            $0.string(2, "server")
        }
        let answer = try await call("GetOperations", version: 2) { $0.string(1, "web") }
        #expect(answer == [operations.bytes])
        #expect(try await call("GetDependencies", version: 2) == [[]])
        let archive = await failure("ArchiveTrace", version: 2) {
            writeID(Self.binaryID, to: &$0)
        }
        #expect(archive?.code == .unimplemented)
        let short = await failure("GetTrace", version: 2) { writeID([1, 2], to: &$0) }
        #expect(short?.code == .invalidArgument)
        let missing = await failure("GetTrace", version: 2) {
            writeID([0, 0, 0, 0, 0, 0, 0, 9], to: &$0)
        }
        #expect(missing?.code == .notFound)
    }

    private func failure(
        _ method: String, version: Int = 3, _ write: (inout ProtobufWriter) -> Void
    ) async -> RPCError? {
        do {
            _ = try await call(method, version: version, write)
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
