import GRPCCore
import HTTPServer
import Store
import Telemetry
import WireFormats

/// OTLP over gRPC (OTLP specification 1.x, "OTLP/gRPC"): the three `Export` methods. Messages are decoded
/// straight from the transport's bytes into columns; no generated message types.
struct OTLPGRPCService: RegistrableRPCService {
    private static let traces = "opentelemetry.proto.collector.trace.v1.TraceService"
    private static let metrics = "opentelemetry.proto.collector.metrics.v1.MetricsService"
    private static let logs = "opentelemetry.proto.collector.logs.v1.LogsService"
    static let names = [traces, metrics, logs]

    let ingest: Ingest
    let tokens: TokenSet?
    /// One message, expanded.
    let messageBytesMax: Int

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        let receiver = UnaryGRPCReceiver(
            ingest: ingest, tokens: tokens, messageBytesMax: messageBytesMax, way: .otlpGRPC)
        receiver.register(
            Self.traces, method: "Export", on: &router,
            decode: { (bytes, _) throws(DecodeError) in try OTLPTraces.decode(protobuf: bytes) },
            store: { [ingest] (message) async throws(StoreError) in
                try await ingest.store(message.batch, digest: message.digest, by: .otlpGRPC)
            }, answer: Self.answer)
        receiver.register(
            Self.metrics, method: "Export", on: &router,
            decode: { [ingest] (bytes, _) throws(DecodeError) in
                try OTLPMetrics.translate(protobuf: bytes, ingest.translation)
            },
            store: { [ingest] (message) async throws(StoreError) in
                try await ingest.store(message.batch, digest: message.digest, by: .otlpGRPC)
            }, answer: Self.answer)
        receiver.register(
            Self.logs, method: "Export", on: &router,
            decode: { [ingest] (bytes, now) throws(DecodeError) in
                try OTLPLogs.decode(
                    protobuf: bytes, formats: ingest.lineOptions.formats, receivedAt: now)
            },
            store: { [ingest] (message) async throws(StoreError) in
                try await ingest.store(
                    message.batch,
                    digest: message.batch.exactRetryDigest(
                        message.digest, receivedAt: message.receivedAt),
                    by: .otlpGRPC)
            }, answer: Self.answer)
    }

    private static func answer(_ receipt: IngestReceipt) -> UnaryGRPCReceiver.Acknowledgement {
        .message(OTLPResponse.protobuf(rejected: receipt.rejected, message: receipt.message))
    }
}
