import GRPCCore
import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// Methods of gRPC services that take one message of telemetry and answer when it is stored. Messages are
/// decoded straight from the transport's bytes into columns; no generated message types.
struct UnaryGRPCReceiver: Sendable {
    let ingest: Ingest
    let tokens: TokenSet?
    /// One message, expanded. The transport's own bound must be higher: beyond it the call just breaks
    /// off, and its sender tries for ever.
    let messageBytesMax: Int
    let way: ReceiverProtocol

    /// A message as the decoder left it.
    struct Export<Batch: Sendable>: Sendable {
        var batch: Decoded<Batch>
        var digest: ContentHash
        var receivedAt: Timestamp
    }

    /// What a sender is told when its items have been looked at, and what is good of them is stored.
    enum Acknowledgement {
        case message([UInt8])
        /// In protocols whose answers say nothing: the words stand in the trailer.
        case empty(refused: String)
        /// Nothing was worth storing. Each refused item has been counted.
        case refused(RPCStatus)
    }

    /// Trailers end at a few kilobytes in most clients.
    private static let trailerBytesMax = 1_024

    /// Why there is no decoded message.
    private enum Unreadable: Error {
        case undecodable(DecodeError)
        case tooLarge(bytes: Int)
    }

    typealias Decode<Batch: Sendable> =
        @Sendable (UnsafeRawBufferPointer, _ receivedAt: Timestamp) throws(DecodeError) -> Decoded<
            Batch
        >

    func register<Batch: Sendable, Transport: ServerTransport>(
        _ service: String, method: String, on router: inout RPCRouter<Transport>,
        decode: @escaping Decode<Batch>,
        store: @escaping @Sendable (Export<Batch>) async throws(StoreError) -> IngestReceipt,
        answer acknowledgement: @escaping @Sendable (IngestReceipt) -> Acknowledgement
    ) {
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: service, method: method),
            deserializer: Deserializer(ingest: ingest, limit: messageBytesMax, decode: decode),
            serializer: BytesSerializer()
        ) { request, _ in
            let message: ServerResponse<[UInt8]>
            switch acknowledgement(try await answer(request, store)) {
            case .message(let bytes): message = ServerResponse(message: bytes)
            case .empty(let refused):
                message = ServerResponse(
                    message: [], trailingMetadata: ["sidelight-refused": Self.trailer(refused)])
            case .refused(let status): throw Self.error(status)
            }
            return StreamingServerResponse(single: message)
        }
    }

    private func answer<Batch>(
        _ request: StreamingServerRequest<Result<Export<Batch>, Unreadable>>,
        _ store: (Export<Batch>) async throws(StoreError) -> IngestReceipt
    ) async throws -> IngestReceipt {
        if let tokens {
            let shown = request.metadata[stringValues: "authorization"].first { _ in true }
            guard tokens.accepts(authorization: shown) else {
                throw refusal(
                    HTTPError.Reason.unauthorized.rawValue,
                    RPCStatus(
                        .unauthenticated,
                        "this server wants a bearer token (authorization: Bearer …)"))
            }
        }
        let message: Export<Batch>
        switch try await ServerRequest(stream: request).message {
        case .success(let decoded): message = decoded
        case .failure(.undecodable(let error)):
            throw refusal(
                HTTPError.Reason.badRequest.rawValue, RPCStatus(.invalidArgument, "\(error)"))
        case .failure(.tooLarge(let bytes)):
            // Without RetryInfo: the sender must not try the same again (OTLP specification,
            // "OTLP/gRPC Throttling").
            throw refusal(
                HTTPError.Reason.bodyTooLarge.rawValue,
                RPCStatus(
                    .resourceExhausted,
                    "the message of \(bytes) bytes exceeds the limit of \(messageBytesMax)"))
        }
        do { return try await store(message) } catch {
            let refused = StoreRefusal(error: error)
            throw refusal(refused.reason, refused.rpcStatus)
        }
    }

    /// Counts a refusal and gives it gRPC's shape: the status with its details, which carry RetryInfo.
    private func refusal(_ reason: String, _ status: RPCStatus) -> RPCError {
        ingest.events.emit(RequestRefused(way: way, reason: reason))
        return Self.error(status)
    }

    private static func error(_ status: RPCStatus) -> RPCError {
        RPCError(
            code: RPCError.Code(status.code), message: status.message,
            metadata: ["grpc-status-details-bin": .binary(status.protobuf)])
    }

    /// Text as a header may hold it: printable ASCII, other characters as `?`.
    private static func trailer(_ text: String) -> Metadata.Value {
        let bytes = text.utf8.prefix(trailerBytesMax).map { byte in
            0x20...0x7E ~= byte ? byte : UInt8(ascii: "?")
        }
        return .string(String(decoding: bytes, as: UTF8.self))
    }

    private struct Deserializer<Batch: Sendable>: MessageDeserializer {
        let ingest: Ingest
        let limit: Int
        let decode: Decode<Batch>

        /// Never throws: what a decoder says about a bad message becomes INVALID_ARGUMENT, which an
        /// error thrown here would not.
        func deserialize<Bytes: GRPCContiguousBytes>(
            _ bytes: Bytes
        ) -> Result<Export<Batch>, Unreadable> {
            let now = ingest.now
            return bytes.withUnsafeBytes { (bytes) -> Result<Export<Batch>, Unreadable> in
                guard bytes.count <= limit else { return .failure(.tooLarge(bytes: bytes.count)) }
                do throws(DecodeError) {
                    let batch = try decode(bytes, now)
                    return .success(
                        Export(batch: batch, digest: ContentHash(ofBody: bytes), receivedAt: now))
                } catch {
                    return .failure(.undecodable(error))
                }
            }
        }
    }

    private struct BytesSerializer: MessageSerializer {
        func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) -> Bytes { Bytes(message) }
    }
}

extension RPCError.Code {
    fileprivate init(_ code: RPCStatus.Code) {
        self =
            switch code {
            case .unknown: .unknown
            case .invalidArgument: .invalidArgument
            case .deadlineExceeded: .deadlineExceeded
            case .notFound: .notFound
            case .permissionDenied: .permissionDenied
            case .resourceExhausted: .resourceExhausted
            case .unimplemented: .unimplemented
            case .internalError: .internalError
            case .unavailable: .unavailable
            case .unauthenticated: .unauthenticated
            }
    }
}

extension StoreRefusal {
    /// RESOURCE_EXHAUSTED with a delay, UNAVAILABLE, or INTERNAL.
    fileprivate var rpcStatus: RPCStatus {
        RPCStatus(
            httpError.reason.statusCode, httpError.message,
            retryDelayNanoseconds: retryDelayNanoseconds)
    }
}
