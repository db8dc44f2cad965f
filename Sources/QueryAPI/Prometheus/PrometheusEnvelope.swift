import HTTPServer
import QueryCore
import WireFormats

/// The frame of every answer of Prometheus's HTTP API:
/// `{"status","data","errorType","error","warnings","infos"}`.
enum PrometheusEnvelope {
    static let truncated = "results truncated due to limit"

    static func success<E>(
        warnings: [String] = [], infos: [String] = [],
        data: (inout JSONWriter) throws(E) -> Void
    ) throws(E) -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writer.field("status", "success")
        writer.key("data")
        try data(&writer)
        if !warnings.isEmpty { writer.field("warnings", strings: warnings) }
        if !infos.isEmpty { writer.field("infos", strings: infos) }
        writer.endObject()
        return writer.bytes
    }

    /// A list of strings of which at most `limit` are shown; 0 shows all.
    static func strings(_ all: [String], limit: Int) -> [UInt8] {
        let isCut = limit > 0 && all.count > limit
        return success(warnings: isCut ? [truncated] : []) { data in
            data.array { array in
                for text in isCut ? all[..<limit] : all[...] { array.value(text) }
            }
        }
    }

    static let errors: ErrorRenderer = { error, request in
        var writer = JSONWriter()
        writer.object {
            $0.field("status", "error")
            $0.field("errorType", errorType(error))
            $0.field(
                "error",
                error.reason == .notFound
                    ? "\(error.message); this API has \(PrometheusContract.served)" : error.message)
        }
        return .json(writer.bytes, status: error.status)
    }

    private static func errorType(_ error: HTTPError) -> String {
        switch error.reason {
        case .badRequest, .bodyTooLarge, .unsupportedMediaType, .undecodableEncoding: "bad_data"
        case .unprocessable: "execution"
        case .timeout:
            error.status == HTTPError.clientClosedRequest ? "canceled" : "timeout"
        case .notFound: "not_found"
        case .overloaded, .unavailable: "unavailable"
        case .failed: "internal"
        case .unauthorized, .methodNotAllowed: error.reason.rawValue
        }
    }
}
