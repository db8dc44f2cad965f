import Compression
import HTTPServer
import Platform
import Store
import WireFormats

/// Prometheus remote write 1.0 (prometheus.io/docs/specs/prw/remote_write_spec):
/// `POST /api/v1/write` with a snappy block. Answers 204; 400 with the reason after the good samples are
/// stored when some are bad, as Prometheus does, so that senders do not repeat them.
package struct RemoteWriteReceiver: Sendable {
    private let ingest: Ingest
    private let expandedBytesMax: Int

    /// - Parameter expandedBytesMax: what a body may expand to.
    package init(_ ingest: Ingest, expandedBytesMax: Int = HTTPLimits().expandedBytesMax) {
        self.ingest = ingest
        self.expandedBytesMax = expandedBytesMax
    }

    package func register(on router: inout Router, prefix: String = "") {
        let events = ingest.events
        var options = RouteOptions(errors: { error, request in
            events.emit(RequestRefused(way: .remoteWrite, reason: error.reason.rawValue))
            return ErrorRenderers.text(error, request)
        })
        options.rawEncodings = ["snappy"]
        router.on(.post, prefix + "/api/v1/write", options: options) { try await write($0) }
    }

    private func write(_ request: HTTPRequest) async throws -> HTTPResponse {
        try Self.checkType(request)
        let body = try expanded(request)
        let decoded = try decode { try RemoteWrite.decode(protobuf: body) }
        // No digest: a sample that comes again replaces itself.
        let receipt = try await storing { () throws(StoreError) in
            try await ingest.store(decoded, digest: nil, by: .remoteWrite)
        }
        guard receipt.rejected == 0 else {
            return .text(
                "\(receipt.accepted) samples stored, \(receipt.rejected) rejected:"
                    + " \(receipt.message)\n", status: 400)
        }
        return .empty()
    }

    private static func checkType(_ request: HTTPRequest) throws(HTTPError) {
        guard let type = request.contentType, type.essence == "application/x-protobuf" else {
            throw HTTPError(
                .unsupportedMediaType,
                message: "remote write wants Content-Type application/x-protobuf, not"
                    + " \"\(request.headers["content-type"] ?? "")\"")
        }
        if let message = type.parameters["proto"], message != "prometheus.WriteRequest" {
            throw HTTPError(
                .unsupportedMediaType,
                message: "\(message) is not supported; send remote write 1.0"
                    + " (prometheus.WriteRequest)")
        }
    }

    private func expanded(_ request: HTTPRequest) throws(HTTPError) -> [UInt8] {
        let encoding = request.headers["content-encoding"]?.lowercased()
        guard encoding == "snappy" else {
            throw HTTPError(
                .unsupportedMediaType,
                message: "remote write wants Content-Encoding snappy, not \"\(encoding ?? "")\"")
        }
        do {
            return try Snappy.decompress(request.body, limit: expandedBytesMax)
        } catch .tooLarge(let limit) {
            throw HTTPError(
                .bodyTooLarge,
                message: "the snappy body expands beyond the limit of \(limit) bytes")
        } catch {
            throw HTTPError(.undecodableEncoding, message: "the body is not snappy: \(error)")
        }
    }
}
