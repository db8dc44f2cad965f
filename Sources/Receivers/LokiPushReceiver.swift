import Compression
import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// Loki's `POST /loki/api/v1/push`: protobuf in a snappy block, as Promtail, Alloy and Vector send, or
/// JSON. Answers 204; 400 with the reasons after the good entries are stored when some are bad, as Loki
/// does, so that senders do not repeat them.
package struct LokiPushReceiver: Sendable {
    private let ingest: Ingest
    private let expandedBytesMax: Int

    /// - Parameter expandedBytesMax: what a body may expand to.
    package init(_ ingest: Ingest, expandedBytesMax: Int = HTTPLimits().expandedBytesMax) {
        self.ingest = ingest
        self.expandedBytesMax = expandedBytesMax
    }

    /// - Parameter prefix: put before `/loki/api/v1/push`: "" or a path such as `/loki`.
    package func register(on router: inout Router, prefix: String = "") {
        let events = ingest.events
        var options = RouteOptions(errors: { error, request in
            events.emit(RequestRefused(way: .loki, reason: error.reason.rawValue))
            return ErrorRenderers.text(error, request)
        })
        options.rawEncodings = ["snappy"]
        router.on(.post, prefix + "/loki/api/v1/push", options: options) { try await push($0) }
    }

    private func push(_ request: HTTPRequest) async throws -> HTTPResponse {
        let now = ingest.now
        let decoded = try decoded(request, receivedAt: now)
        let digest = decoded.exactRetryDigest(ContentHash(ofBody: request.body), receivedAt: now)
        let receipt = try await storing { () throws(StoreError) in
            try await ingest.store(decoded, digest: digest, by: .loki)
        }
        guard receipt.rejected == 0 else {
            return .text(
                "\(receipt.accepted) entries stored, \(receipt.rejected) rejected:"
                    + " \(receipt.message)\n", status: 400)
        }
        return .empty()
    }

    private func decoded(
        _ request: HTTPRequest, receivedAt: Timestamp
    ) throws -> Decoded<LogBatch> {
        switch request.contentType?.essence {
        case "application/json":
            guard request.headers["content-encoding"]?.lowercased() != "snappy" else {
                throw HTTPError(
                    .unsupportedMediaType,
                    message: "snappy goes with application/x-protobuf; compress JSON with gzip")
            }
            return try decode {
                try LokiPush.decode(
                    json: request.body, options: ingest.lineOptions, receivedAt: receivedAt)
            }
        case "application/x-protobuf":
            let body = try expanded(request.body)
            return try decode {
                try LokiPush.decode(
                    protobuf: body, options: ingest.lineOptions, receivedAt: receivedAt)
            }
        default:
            throw HTTPError(
                .unsupportedMediaType,
                message: "push wants Content-Type application/x-protobuf or application/json, not"
                    + " \"\(request.headers["content-type"] ?? "")\"")
        }
    }

    /// Senders of protobuf compress with snappy whether or not they say so.
    private func expanded(_ body: [UInt8]) throws(HTTPError) -> [UInt8] {
        do {
            return try Snappy.decompress(body, limit: expandedBytesMax)
        } catch .tooLarge(let limit) {
            throw HTTPError(
                .bodyTooLarge,
                message: "the snappy body expands beyond the limit of \(limit) bytes")
        } catch {
            throw HTTPError(.undecodableEncoding, message: "the body is not snappy: \(error)")
        }
    }
}
