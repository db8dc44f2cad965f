import GRPCCore
import HTTPServer
import Store
import Telemetry
import WireFormats

/// Spans over gRPC in the forms of Jaeger (jaeger-idl, `api_v2.CollectorService`) and of Zipkin
/// (zipkin-api, `SpanService`). Their answers are empty messages: refused spans are only counted.
struct TraceGRPCService: RegistrableRPCService {
    let ingest: Ingest
    let tokens: TokenSet?
    /// One message, expanded.
    let messageBytesMax: Int

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        register(
            "jaeger.api_v2.CollectorService", "PostSpans", .jaegerGRPC, on: &router
        ) { (bytes, _) throws(DecodeError) in
            try JaegerSpans.decode(postSpans: bytes)
        }
        register(
            "zipkin.proto3.SpanService", "Report", .zipkin, on: &router
        ) { (bytes, now) throws(DecodeError) in
            try ZipkinSpans.decode(protobuf: bytes, receivedAt: now)
        }
    }

    private func register<Transport: ServerTransport>(
        _ service: String, _ method: String, _ way: ReceiverProtocol,
        on router: inout RPCRouter<Transport>,
        decode: @escaping UnaryGRPCReceiver.Decode<SpanBatch>
    ) {
        UnaryGRPCReceiver(
            ingest: ingest, tokens: tokens, messageBytesMax: messageBytesMax, way: way
        ).register(
            service, method: method, on: &router, decode: decode,
            store: { [ingest] (message) async throws(StoreError) in
                try await ingest.store(message.batch, digest: message.digest, by: way)
            }, answer: { _ in [] })
    }
}
