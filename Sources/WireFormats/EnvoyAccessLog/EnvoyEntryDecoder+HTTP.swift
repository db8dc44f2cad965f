import Telemetry

extension EnvoyEntryDecoder {
    /// `HTTPRequestProperties`.
    private enum Request {
        static let method = ProtobufKey.varint(1)
        static let scheme = ProtobufKey.length(2)
        static let authority = ProtobufKey.length(3)
        static let path = ProtobufKey.length(5)
        static let userAgent = ProtobufKey.length(6)
        static let referer = ProtobufKey.length(7)
        static let forwardedFor = ProtobufKey.length(8)
        static let requestID = ProtobufKey.length(9)
        static let originalPath = ProtobufKey.length(10)
        static let bodyBytes = ProtobufKey.varint(12)
        static let header = ProtobufKey.length(13)
    }

    /// `HTTPResponseProperties`.
    private enum Response {
        static let code = ProtobufKey.length(1)
        static let bodyBytes = ProtobufKey.varint(3)
        static let header = ProtobufKey.length(4)
        static let trailer = ProtobufKey.length(5)
        static let details = ProtobufKey.length(6)
    }

    /// `envoy.config.core.v3.RequestMethod`.
    private static let methods = [
        "", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    ]

    /// The path as the client sent it is the one that counts, as in Envoy's text formats.
    mutating func request(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        var hasOriginalPath = false
        entry.set(.bytesReceived, count: 0)
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Request.method:
                let method = try message.varint("request_method")
                guard method > 0, method < UInt64(Self.methods.count) else { continue }
                entry.set(.method, text: batch.strings.intern(Self.methods[Int(method)]))
            case Request.scheme: try text(.scheme, &message, "scheme")
            case Request.authority: try text(.authority, &message, "authority")
            case Request.path:
                let path = try message.bytes("path")
                if !hasOriginalPath { entry.set(.path, text: batch.strings.intern(path)) }
            case Request.originalPath:
                let path = try message.bytes("original_path")
                guard !path.isEmpty else { continue }
                hasOriginalPath = true
                entry.set(.path, text: batch.strings.intern(path))
            case Request.userAgent: try text(.userAgent, &message, "user_agent")
            case Request.referer: try text(.referer, &message, "referer")
            case Request.forwardedFor: try text(.forwardedFor, &message, "forwarded_for")
            case Request.requestID: try text(.requestID, &message, "request_id")
            case Request.bodyBytes:
                entry.set(.bytesReceived, count: try message.varint("request_body_bytes"))
            case Request.header:
                try pair(try message.message("request_headers"), prefix: "http.request.header.")
            default: try message.skip(key)
            }
        }
    }

    mutating func response(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        entry.set(.bytesSent, count: 0)
        entry.set(.responseCode, count: 0)
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Response.code:
                entry.set(.responseCode, count: try wrapped(&message, "response_code"))
            case Response.bodyBytes:
                entry.set(.bytesSent, count: try message.varint("response_body_bytes"))
            case Response.details: try text(.responseCodeDetails, &message, "code_details")
            case Response.header:
                try pair(
                    try message.message("response_headers"), prefix: "http.response.header.",
                    isOfResponse: true)
            case Response.trailer:
                try pair(
                    try message.message("response_trailers"), prefix: "http.response.trailer.",
                    isOfResponse: true)
            default: try message.skip(key)
            }
        }
    }
}
