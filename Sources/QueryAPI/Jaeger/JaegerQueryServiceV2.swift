import GRPCCore
import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// Jaeger's `api_v2.QueryService` over gRPC (jaeger-idl, `proto/api_v2/query.proto`), which older user
/// interfaces and tools call: spans in Jaeger's own model. Nothing is archived.
package struct JaegerQueryServiceV2: RegistrableRPCService {
    /// Spans of one message of a stream: far below the 4 MiB that clients take by default.
    private static let spansAtOnce = 500

    let api: JaegerAPI
    private let calls: RawGRPCService

    package init(_ api: JaegerAPI, tokens: TokenSet?) {
        self.api = api
        calls = RawGRPCService(name: "jaeger.api_v2.QueryService", tokens: tokens)
    }

    package func registerMethods<Transport: ServerTransport>(
        with router: inout RPCRouter<Transport>
    ) {
        calls.register("GetServices", on: &router) { [api] _, send in
            let names = try await api.runner.run { _ in try api.serviceNames() }
            var writer = ProtobufWriter()
            for name in names { writer.presentString(1, name) }
            try await send(writer.bytes)
        }
        calls.register("GetOperations", on: &router) { [api] message, send in
            let asked = try JaegerQueryMessages.operations(message)
            let found = try await api.runner.run { context in
                try api.operations(of: asked.service, kind: asked.kind, context)
            }
            try await send(Self.operations(found))
        }
        calls.register("GetTrace", on: &router) { [self] message, send in
            try await sendTrace(try JaegerQueryMessages.binaryTrace(message), send)
        }
        calls.register("FindTraces", on: &router) { [api] message, send in
            let search = try JaegerQueryMessages.find(message, limits: api.runner.answerLimits)
            let traces = try await api.runner.run { context in
                try api.searcher.traces(of: search, context: context).traces.map(\.spans)
            }
            for trace in traces { try await Self.send(trace, send) }
        }
        calls.register("GetDependencies", on: &router) { [api] message, send in
            let graph = try await api.graph(try JaegerQueryMessages.range(message, now: api.now))
            try await send(graph.protobuf)
        }
        calls.register("ArchiveTrace", on: &router) { _, _ in
            throw HTTPError(
                .notFound, status: 501,
                message: "traces are not archived: they stay for as long as the retention says")
        }
    }

    /// The names once by themselves, for clients from before kinds.
    private static func operations(_ found: [JaegerOperation]) -> [UInt8] {
        var writer = ProtobufWriter()
        var last: String?
        for operation in found where operation.name != last {
            last = operation.name
            writer.presentString(1, operation.name)
        }
        for operation in found {
            writer.message(2) {
                $0.string(1, operation.name)
                $0.string(2, operation.kind.tagValue)
            }
        }
        return writer.bytes
    }

    /// Piece by piece, so that a trace of any size passes.
    private func sendTrace(_ id: TraceID, _ send: RawGRPCService.Send) async throws {
        let cursor = try await api.runner.run { [api] _ in
            try api.store.openTrace(id, fields: .all, spansAtOnce: Self.spansAtOnce)
        }
        guard cursor.spanCount > 0 else {
            throw HTTPError(.notFound, message: "trace not found")
        }
        while let spans = try await api.runner.run({ _ in try cursor.next() }) {
            try await Self.send(spans, send)
        }
    }

    /// `SpansResponseChunk { spans = 1 }`
    private static func send(_ spans: SpanBatch, _ send: RawGRPCService.Send) async throws {
        for first in stride(from: 0, to: spans.count, by: spansAtOnce) {
            let model = JaegerProtobuf(spans)
            var writer = ProtobufWriter(capacity: 512 * min(spansAtOnce, spans.count - first))
            for row in first..<min(first + spansAtOnce, spans.count) {
                writer.message(1) { model.write(row, to: &$0) }
            }
            try await send(writer.bytes)
        }
    }
}
