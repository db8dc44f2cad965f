import GRPCCore
import HTTPServer

/// Registers the calls of one gRPC service whose messages are read and written by hand. Every call takes one
/// message and answers with any number of them.
struct RawGRPCService: Sendable {
    typealias Send = ([UInt8]) async throws -> Void

    /// With its package: `jaeger.api_v3.QueryService`.
    let name: String
    /// `nil`: everybody may call.
    let tokens: TokenSet?

    func register<Transport: ServerTransport>(
        _ method: String, on router: inout RPCRouter<Transport>,
        answer: @escaping @Sendable (_ message: [UInt8], _ send: Send) async throws -> Void
    ) {
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: name, method: method),
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
        if error.status == 501 { return RPCError(code: .unimplemented, message: error.message) }
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
