import GRPCCore
import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// Jaeger's `api_v3.QueryService` over gRPC (jaeger-idl, `proto/api_v3/query_service.proto`): the calls of
/// `/api/v3`, answers in OTLP. Messages are written and read by hand.
package struct JaegerQueryService: RegistrableRPCService {
    private static let name = "jaeger.api_v3.QueryService"
    /// Spans of one message of a stream: far below the 4 MiB that clients take by default.
    private static let spansAtOnce = 1_000

    let api: JaegerAPI
    let tokens: TokenSet?

    package init(_ api: JaegerAPI, tokens: TokenSet?) {
        self.api = api
        self.tokens = tokens
    }

    package func registerMethods<Transport: ServerTransport>(
        with router: inout RPCRouter<Transport>
    ) {
        register("GetServices", on: &router) { [api] _, send in
            let names = try await api.runner.run { _ in try api.serviceNames() }
            var writer = ProtobufWriter()
            for name in names { writer.presentString(1, name) }
            try await send(writer.bytes)
        }
        register("GetOperations", on: &router) { [api] message, send in
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
        register("GetTrace", on: &router) { [self] message, send in
            try await sendTrace(try JaegerQueryMessages.trace(message), send)
        }
        register("FindTraces", on: &router) { [api] message, send in
            let query = try JaegerQueryMessages.find(message, limits: api.runner.answerLimits)
            let traces = try await api.runner.run { context in
                try api.searcher.traces(of: query, context: context).map(\.spans)
            }
            for trace in traces {
                for first in stride(from: 0, to: trace.count, by: Self.spansAtOnce) {
                    let rows = first..<min(first + Self.spansAtOnce, trace.count)
                    try await send(OTLPTraces.encode(trace.rows(rows)))
                }
            }
        }
    }

    /// Piece by piece, so that a trace of any size passes.
    private func sendTrace(_ id: TraceID, _ send: Send) async throws {
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

    // MARK: Calls

    private typealias Send = ([UInt8]) async throws -> Void

    private func register<Transport: ServerTransport>(
        _ method: String, on router: inout RPCRouter<Transport>,
        answer: @escaping @Sendable (_ message: [UInt8], _ send: Send) async throws -> Void
    ) {
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: Self.name, method: method),
            deserializer: RawMessage(), serializer: RawMessage()
        ) { [self] request, _ in
            try authorize(request.metadata)
            let message = try await ServerRequest(stream: request).message
            return StreamingServerResponse { writer in
                do {
                    try await answer(message) { try await writer.write($0) }
                } catch let error as HTTPError {
                    throw Self.failure(error)
                }
                return [:]
            }
        }
    }

    private func authorize(_ metadata: Metadata) throws {
        guard let tokens else { return }
        let shown = metadata[stringValues: "authorization"].first { _ in true }
        guard tokens.accepts(authorization: shown) else {
            throw RPCError(
                code: .unauthenticated,
                message: "this server wants a bearer token (authorization: Bearer …)")
        }
    }

    private static func failure(_ error: HTTPError) -> RPCError {
        let code: RPCError.Code =
            switch error.reason {
            case .badRequest: .invalidArgument
            case .notFound: .notFound
            case .unprocessable, .bodyTooLarge, .overloaded: .resourceExhausted
            case .timeout: .deadlineExceeded
            case .unavailable: .unavailable
            default: .internalError
            }
        return RPCError(code: code, message: error.message)
    }

    private struct RawMessage: MessageSerializer, MessageDeserializer {
        func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) -> Bytes { Bytes(message) }

        func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) -> [UInt8] {
            bytes.withUnsafeBytes { Array($0) }
        }
    }
}
