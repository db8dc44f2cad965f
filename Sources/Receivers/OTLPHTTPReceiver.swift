import HTTPServer
import Platform
import Store
import Telemetry
import WireFormats

/// OTLP over HTTP (OTLP specification 1.x, "OTLP/HTTP"): `POST /v1/traces`, `/v1/metrics` and `/v1/logs`,
/// protobuf and JSON. Answers have the request's content type; errors are `google.rpc.Status`.
package struct OTLPHTTPReceiver: Sendable {
    private let ingest: Ingest

    package init(_ ingest: Ingest) { self.ingest = ingest }

    package func register(on router: inout Router) {
        let options = RouteOptions(errors: Self.errors(ingest.events))
        router.group("/v1", options: options) { group in
            group.on(.post, "/traces") { try await traces($0) }
            group.on(.post, "/metrics") { try await metrics($0) }
            group.on(.post, "/logs") { try await logs($0) }
        }
    }

    /// Metrics where senders to Prometheus send them: `POST /api/v1/otlp/v1/metrics`.
    package func registerPrometheusPath(on router: inout Router, prefix: String = "") {
        let options = RouteOptions(errors: Self.errors(ingest.events))
        router.on(.post, prefix + "/api/v1/otlp/v1/metrics", options: options) {
            try await metrics($0)
        }
    }

    /// Logs where senders to Loki send them: `POST /otlp/v1/logs`.
    package func registerLokiPath(on router: inout Router, prefix: String = "") {
        let options = RouteOptions(errors: Self.errors(ingest.events))
        router.on(.post, prefix + "/otlp/v1/logs", options: options) { try await logs($0) }
    }

    private func traces(_ request: HTTPRequest) async throws -> HTTPResponse {
        let encoding = try Encoding(request)
        let decoded = try decode {
            switch encoding {
            case .protobuf: try OTLPTraces.decode(protobuf: request.body)
            case .json: try OTLPTraces.decode(json: request.body)
            }
        }
        return try await answer(.traces, encoding) { () throws(StoreError) in
            try await ingest.store(
                decoded, digest: ContentHash(ofBody: request.body), by: .otlpHTTP)
        }
    }

    private func metrics(_ request: HTTPRequest) async throws -> HTTPResponse {
        let encoding = try Encoding(request)
        let decoded = try decode {
            switch encoding {
            case .protobuf:
                try OTLPMetrics.translate(protobuf: request.body, ingest.translation)
            case .json: try OTLPMetrics.translate(json: request.body, ingest.translation)
            }
        }
        return try await answer(.metrics, encoding) { () throws(StoreError) in
            try await ingest.store(
                decoded, digest: ContentHash(ofBody: request.body), by: .otlpHTTP)
        }
    }

    private func logs(_ request: HTTPRequest) async throws -> HTTPResponse {
        let encoding = try Encoding(request)
        let now = ingest.now
        let decoded = try decode {
            switch encoding {
            case .protobuf:
                try OTLPLogs.decode(
                    protobuf: request.body, formats: ingest.lineOptions.formats, receivedAt: now)
            case .json:
                try OTLPLogs.decode(
                    json: request.body, formats: ingest.lineOptions.formats, receivedAt: now)
            }
        }
        return try await answer(.logs, encoding) { () throws(StoreError) in
            let digest = decoded.exactRetryDigest(
                ContentHash(ofBody: request.body), receivedAt: now)
            return try await ingest.store(decoded, digest: digest, by: .otlpHTTP)
        }
    }

    private func answer(
        _ signal: OTLPResponse.Signal, _ encoding: Encoding,
        _ store: () async throws(StoreError) -> IngestReceipt
    ) async throws -> HTTPResponse {
        let receipt = try await storing(store)
        switch encoding {
        case .protobuf:
            return HTTPResponse(
                status: 200, contentType: encoding.rawValue,
                body: OTLPResponse.protobuf(rejected: receipt.rejected, message: receipt.message))
        case .json:
            return .json(
                OTLPResponse.json(signal, rejected: receipt.rejected, message: receipt.message))
        }
    }

    /// The two encodings of OTLP/HTTP, by content type.
    private enum Encoding: String {
        case protobuf = "application/x-protobuf"
        case json = "application/json"

        init(_ request: HTTPRequest) throws(HTTPError) {
            guard let encoding = request.contentType.flatMap({ Encoding(rawValue: $0.essence) })
            else {
                let sent = request.headers["content-type"] ?? ""
                throw HTTPError(
                    .unsupportedMediaType,
                    message: "Content-Type \"\(sent)\" is not OTLP; send application/x-protobuf or"
                        + " application/json")
            }
            self = encoding
        }
    }

    /// `google.rpc.Status` in the request's encoding; text to those who speak neither.
    private static func errors(_ events: EventLog) -> ErrorRenderer {
        { error, request in
            events.emit(RequestRefused(way: .otlpHTTP, reason: error.reason.rawValue))
            let status = RPCStatus(error.reason.statusCode, error.message)
            switch request.contentType?.essence {
            case Encoding.json.rawValue: return .json(status.json, status: error.status)
            case Encoding.protobuf.rawValue:
                return HTTPResponse(
                    status: error.status, contentType: Encoding.protobuf.rawValue,
                    body: status.protobuf)
            default: return ErrorRenderers.text(error, request)
            }
        }
    }
}

extension HTTPError.Reason {
    /// The gRPC code of the same meaning.
    var statusCode: RPCStatus.Code {
        switch self {
        case .badRequest, .bodyTooLarge, .unsupportedMediaType, .undecodableEncoding,
            .unprocessable:
            .invalidArgument
        case .unauthorized: .unauthenticated
        case .notFound: .notFound
        case .methodNotAllowed: .unimplemented
        case .overloaded: .resourceExhausted
        case .unavailable, .timeout: .unavailable
        case .failed: .internalError
        }
    }
}
