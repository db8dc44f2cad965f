import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// Zipkin v2 JSON (zipkin.io/zipkin-api, `POST /api/v2/spans`): 202 without a body when all spans are
/// stored or refused one by one; errors as text.
package struct ZipkinReceiver: Sendable {
    private let ingest: Ingest

    package init(_ ingest: Ingest) { self.ingest = ingest }

    package func register(on router: inout Router, prefix: String = "") {
        let events = ingest.events
        let options = RouteOptions(errors: { error, request in
            events.emit(RequestRefused(way: .zipkin, reason: error.reason.rawValue))
            return ErrorRenderers.text(error, request)
        })
        router.on(.post, prefix + "/api/v2/spans", options: options) { try await spans($0) }
    }

    private func spans(_ request: HTTPRequest) async throws -> HTTPResponse {
        try Self.checkType(request)
        let now = ingest.now
        let decoded = try decode { try ZipkinSpans.decode(json: request.body, receivedAt: now) }
        _ = try await storing { () throws(StoreError) in
            try await ingest.store(decoded, digest: ContentHash(request.body), by: .zipkin)
        }
        return .empty(status: 202)
    }

    /// Senders that give no type mean JSON, as Zipkin's own server reads them.
    private static func checkType(_ request: HTTPRequest) throws(HTTPError) {
        guard let sent = request.headers["content-type"] else { return }
        switch request.contentType?.essence {
        case "application/json": return
        case "application/x-protobuf", "application/protobuf":
            throw HTTPError(
                .unsupportedMediaType,
                message: "Zipkin protobuf is not supported yet; send application/json")
        case "application/x-thrift":
            throw HTTPError(
                .unsupportedMediaType,
                message: "Zipkin thrift is not supported; send application/json")
        default:
            throw HTTPError(
                .unsupportedMediaType,
                message: "Content-Type \"\(sent)\" is not Zipkin; send application/json")
        }
    }
}
