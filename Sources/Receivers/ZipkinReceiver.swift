import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// Zipkin (zipkin.io/zipkin-api): `POST /api/v2/spans` with JSON or protobuf, `POST /api/v1/spans` with
/// JSON. 202 without a body when all spans are stored, with a text where some were
/// refused; errors as text.
package struct ZipkinReceiver: Sendable {
    private let ingest: Ingest

    package init(_ ingest: Ingest) { self.ingest = ingest }

    package func register(on router: inout Router, prefix: String = "") {
        let events = ingest.events
        let options = RouteOptions(errors: { error, request in
            events.emit(RequestRefused(way: .zipkin, reason: error.reason.rawValue))
            return ErrorRenderers.text(error, request)
        })
        router.on(.post, prefix + "/api/v2/spans", options: options) { request in
            switch try Encoding(request, isProtobufKnown: true) {
            case .json: return try await spans(request, ZipkinSpans.decode(json:receivedAt:))
            case .protobuf:
                return try await spans(request, ZipkinSpans.decode(protobuf:receivedAt:))
            }
        }
        router.on(.post, prefix + "/api/v1/spans", options: options) { request in
            _ = try Encoding(request, isProtobufKnown: false)
            return try await spans(request, ZipkinSpans.decode(jsonV1:receivedAt:))
        }
    }

    private func spans(
        _ request: HTTPRequest, _ read: ([UInt8], Timestamp) throws -> Decoded<SpanBatch>
    ) async throws -> HTTPResponse {
        let now = ingest.now
        let decoded = try decode { try read(request.body, now) }
        let receipt = try await storing { () throws(StoreError) in
            try await ingest.store(decoded, digest: ContentHash(ofBody: request.body), by: .zipkin)
        }
        return accepted(receipt)
    }

    private enum Encoding {
        case json, protobuf

        /// Senders that give no type mean JSON, as Zipkin's own server reads them.
        init(_ request: HTTPRequest, isProtobufKnown: Bool) throws(HTTPError) {
            self = .json
            guard let sent = request.headers["content-type"] else { return }
            let known =
                isProtobufKnown ? "application/json or application/x-protobuf" : "application/json"
            switch request.contentType?.essence {
            case "application/x-protobuf", "application/protobuf":
                if isProtobufKnown {
                    self = .protobuf
                    return
                }
            case "application/x-thrift":
                throw HTTPError(
                    .unsupportedMediaType,
                    message: "Zipkin thrift is not supported; send \(known)")
            // As Zipkin's own server reads whatever else is claimed.
            default: return
            }
            throw HTTPError(
                .unsupportedMediaType,
                message: "Content-Type \"\(sent)\" is not Zipkin; send \(known)")
        }
    }
}
