import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// Jaeger's collector over HTTP (jaegertracing.io/docs, "APIs", "Thrift over HTTP"): `POST /api/traces`
/// with a Thrift `Batch`. 202 without a body when all spans are stored, with a text where some were
/// refused; errors as text.
package struct JaegerReceiver: Sendable {
    private let ingest: Ingest

    package init(_ ingest: Ingest) { self.ingest = ingest }

    package func register(on router: inout Router, prefix: String = "") {
        let events = ingest.events
        let options = RouteOptions(errors: { error, request in
            events.emit(RequestRefused(way: .jaegerHTTP, reason: error.reason.rawValue))
            return ErrorRenderers.text(error, request)
        })
        router.on(.post, prefix + "/api/traces", options: options) { try await spans($0) }
    }

    private func spans(_ request: HTTPRequest) async throws -> HTTPResponse {
        let encoding = try Self.encoding(request)
        let decoded = try decode { try JaegerSpans.decode(thrift: request.body, encoding) }
        let receipt = try await storing { () throws(StoreError) in
            try await ingest.store(
                decoded, digest: ContentHash(ofBody: request.body), by: .jaegerHTTP)
        }
        return accepted(receipt)
    }

    private static func encoding(_ request: HTTPRequest) throws(HTTPError) -> ThriftEncoding {
        switch request.contentType?.essence {
        case "application/x-thrift", "application/vnd.apache.thrift.binary": return .binary
        case "application/vnd.apache.thrift.compact": return .compact
        default:
            let sent = request.headers["content-type"] ?? ""
            throw HTTPError(
                .unsupportedMediaType,
                message: "Content-Type \"\(sent)\" is not Jaeger; send application/x-thrift or"
                    + " application/vnd.apache.thrift.binary or …compact")
        }
    }
}
