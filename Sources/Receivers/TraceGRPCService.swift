import GRPCCore
import HTTPServer
import Store
import Telemetry
import WireFormats

/// Spans over gRPC in the forms of Jaeger (jaeger-idl, `api_v2.CollectorService`) and of Zipkin
/// (zipkin-api, `SpanService`). Their answers are empty messages: what was refused stands in the trailer
/// `sidelight-refused`, and where no span was worth storing the call fails.
struct TraceGRPCService: RegistrableRPCService {
    private static let jaeger = "jaeger.api_v2.CollectorService"
    private static let zipkin = "zipkin.proto3.SpanService"
    static let names = [jaeger, zipkin]

    let ingest: Ingest
    let tokens: TokenSet?
    /// One message, expanded.
    let messageBytesMax: Int

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        register(
            Self.jaeger, "PostSpans", .jaegerGRPC, on: &router
        ) { (bytes, _) throws(DecodeError) in
            try JaegerSpans.decode(postSpans: bytes)
        }
        register(
            Self.zipkin, "Report", .zipkin, on: &router
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
            }, answer: Self.answer)
    }

    private static func answer(_ receipt: IngestReceipt) -> UnaryGRPCReceiver.Acknowledgement {
        guard receipt.rejected > 0 else { return .message([]) }
        guard receipt.accepted > 0 else {
            return .refused(
                RPCStatus(.invalidArgument, "no span was stored: \(receipt.message)"))
        }
        let total = receipt.accepted + receipt.rejected
        return .empty(
            refused: "\(receipt.rejected) of \(total) spans were refused: \(receipt.message)")
    }
}
