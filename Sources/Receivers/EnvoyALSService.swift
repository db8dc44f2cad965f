import GRPCCore
import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// Envoy's access log service (`envoy/service/accesslog/v3/als.proto`): one long call per Envoy worker,
/// on which only Envoy speaks. Nothing is ever acknowledged, so what cannot be kept is counted here and
/// the call goes on; while the store is overloaded nothing is read, and Envoy waits.
struct EnvoyALSService: RegistrableRPCService {
    static let name = "envoy.service.accesslog.v3.AccessLogService"

    static let method = MethodDescriptor(
        fullyQualifiedService: Self.name,
        method: "StreamAccessLogs")

    let ingest: Ingest
    let tokens: TokenSet?
    /// One message, expanded.
    let messageBytesMax: Int

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: Self.method, deserializer: Bytes(), serializer: Bytes()
        ) { [self] request, context in
            try authorize(request.metadata)
            try await receive(request.messages, until: context.cancellation)
            return StreamingServerResponse(single: ServerResponse(message: []))
        }
    }

    private func authorize(_ metadata: Metadata) throws {
        guard let tokens else { return }
        let shown = metadata[stringValues: "authorization"].first { _ in true }
        guard tokens.accepts(authorization: shown) else {
            refused(.unauthorized)
            throw RPCError(
                code: .unauthenticated,
                message: "this server wants a bearer token (authorization: Bearer …)")
        }
    }

    /// Stores message by message until the sender or this server ends the call.
    private func receive(
        _ messages: RPCAsyncSequence<[UInt8], any Error>,
        until ending: ServerContext.RPCCancellationHandle
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                var sender = EnvoyAccessLog.Sender()
                for try await message in messages { await store(message, from: &sender) }
            }
            group.addTask { try await ending.cancelled }
            try await group.next()
        }
    }

    private func store(
        _ message: [UInt8], from sender: inout EnvoyAccessLog.Sender
    ) async {
        guard message.count <= messageBytesMax else { return refused(.bodyTooLarge) }
        let decoded: Decoded<LogBatch>
        do throws(DecodeError) {
            decoded = try EnvoyAccessLog.decode(
                protobuf: message, sender: &sender, receivedAt: ingest.now)
        } catch {
            return refused(.badRequest)
        }
        _ = await ingest.storeWaiting(decoded, by: .envoyALS)
    }

    private func refused(_ reason: HTTPError.Reason) {
        ingest.events.emit(RequestRefused(way: .envoyALS, reason: reason.rawValue))
    }

    private struct Bytes: MessageSerializer, MessageDeserializer {
        func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) -> Bytes { Bytes(message) }

        func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) -> [UInt8] {
            bytes.withUnsafeBytes { Array($0) }
        }
    }
}
