import GRPCCore
import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// Jaeger's `api_v3.QueryService` over gRPC (jaeger-idl, `proto/api_v3/query_service.proto`): the calls of
/// `/api/v3`, answers in OTLP. Messages are written and read by hand.
package struct JaegerQueryService: RegistrableRPCService {
    /// Spans of one message of a stream: far below the 4 MiB that clients take by default.
    private static let spansAtOnce = 1_000

    let api: JaegerAPI
    private let calls: RawGRPCService

    package init(_ api: JaegerAPI, tokens: TokenSet?) {
        self.api = api
        calls = RawGRPCService(name: "jaeger.api_v3.QueryService", tokens: tokens)
    }

    package func registerMethods<Transport: ServerTransport>(
        with router: inout RPCRouter<Transport>
    ) {
        registerLists(on: &router)
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
            var writer = ProtobufWriter()
            for operation in found {
                writer.message(1) {
                    $0.string(1, operation.name)
                    $0.string(2, operation.kind.tagValue)
                }
            }
            try await send(writer.bytes)
        }
        calls.register("GetTrace", on: &router) { [self] message, send in
            try await sendTrace(try JaegerQueryMessages.trace(message), send)
        }
        calls.register("FindTraces", on: &router) { [api] message, send in
            let search = try JaegerQueryMessages.find(message, limits: api.runner.answerLimits)
            let traces = try await api.runner.run { context in
                try api.searcher.traces(of: search, context: context).traces.map(\.spans)
            }
            for trace in traces {
                for first in stride(from: 0, to: trace.count, by: Self.spansAtOnce) {
                    let rows = first..<min(first + Self.spansAtOnce, trace.count)
                    try await send(OTLPTraces.encode(trace.rows(rows)))
                }
            }
        }
    }

    private func registerLists<Transport: ServerTransport>(
        on router: inout RPCRouter<Transport>
    ) {
        calls.register("FindTraceSummaries", on: &router) { [api] message, send in
            let search = try JaegerQueryMessages.find(message, limits: api.runner.answerLimits)
            let chunks = try await api.runner.run { context in
                var chunks: [[UInt8]] = []
                var writer = ProtobufWriter()
                try api.summaries(try api.searcher.hits(search, context: context).hits, context) {
                    summary in
                    writer.message(1) { Self.write(summary, to: &$0) }
                    guard writer.bytes.count > 1 << 20 else { return }
                    chunks.append(writer.bytes)
                    writer = ProtobufWriter()
                }
                return writer.bytes.isEmpty ? chunks : chunks + [writer.bytes]
            }
            for chunk in chunks { try await send(chunk) }
        }
        calls.register("GetDependencies", on: &router) { [api] message, send in
            let graph = try await api.graph(try JaegerQueryMessages.range(message, now: api.now))
            try await send(graph.protobuf)
        }
    }

    /// The fields of a `TraceSummary`.
    private static func write(_ summary: TraceSummary, to writer: inout ProtobufWriter) {
        writer.string(1, summary.trace.hex)
        writer.string(2, summary.rootService)
        writer.string(3, summary.rootOperation)
        writer.fixed64(4, UInt64(bitPattern: summary.start.nanoseconds))
        writer.fixed64(5, UInt64(bitPattern: summary.end.nanoseconds))
        writer.varint(6, UInt64(clamping: summary.spanCount))
        writer.varint(7, UInt64(clamping: summary.errorCount))
        writer.varint(8, UInt64(clamping: summary.orphanCount))
        for service in summary.services {
            writer.message(9) {
                $0.string(1, service.name)
                $0.varint(2, UInt64(clamping: service.spanCount))
                $0.varint(3, UInt64(clamping: service.errorCount))
            }
        }
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
            for first in stride(from: 0, to: spans.count, by: Self.spansAtOnce) {
                let rows = first..<min(first + Self.spansAtOnce, spans.count)
                try await send(OTLPTraces.encode(spans.rows(rows)))
            }
        }
    }
}
