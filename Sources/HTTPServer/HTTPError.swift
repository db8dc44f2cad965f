/// An answer that is an error: thrown by handlers, or raised before a handler is reached (body too
/// large, unknown encoding, no route …). The route's `ErrorRenderer` gives it the shape its protocol
/// wants.
package struct HTTPError: Error, Sendable {
    /// Where it arose, for counters and for protocols that distinguish.
    package enum Reason: String, Sendable, CaseIterable {
        case badRequest = "bad_request"
        case unauthorized
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        case bodyTooLarge = "body_too_large"
        case unsupportedMediaType = "unsupported_media_type"
        case undecodableEncoding = "undecodable_encoding"
        case overloaded
        case unavailable
        case unprocessable
        case timeout
        case failed
    }

    package var reason: Reason
    package var status: Int
    /// One sentence for the client: what, where, what next.
    package var message: String
    package var headers: Headers

    package init(
        _ reason: Reason, status: Int? = nil, message: String, headers: Headers = Headers()
    ) {
        self.reason = reason
        self.status = status ?? reason.status
        self.message = message
        self.headers = headers
    }

    package static func badRequest(_ message: String) -> HTTPError {
        HTTPError(.badRequest, message: message)
    }
}

extension HTTPError.Reason {
    /// The usual status code.
    package var status: Int {
        switch self {
        case .badRequest, .undecodableEncoding: 400
        case .unauthorized: 401
        case .notFound: 404
        case .methodNotAllowed: 405
        case .bodyTooLarge: 413
        case .unsupportedMediaType: 415
        case .unprocessable: 422
        case .overloaded: 429
        case .failed: 500
        case .unavailable, .timeout: 503
        }
    }
}

/// Gives an error the shape of a protocol. The request's body is empty when the error arose before it
/// was read. Headers of the error are added to what it returns.
package typealias ErrorRenderer = @Sendable (HTTPError, HTTPRequest) -> HTTPResponse

/// Shapes of errors that belong to no protocol.
package enum ErrorRenderers {
    /// One line of text.
    package static let text: ErrorRenderer = { error, _ in
        .text(error.message + "\n", status: error.status)
    }

    /// `{"error":"…"}`.
    package static let json: ErrorRenderer = { error, _ in
        .json(
            Array("{\"error\":".utf8) + jsonString(error.message) + Array("}\n".utf8),
            status: error.status)
    }

    /// `text` as a JSON string with its quotes (RFC 8259 §7).
    package static func jsonString(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes += Array("\\u00".utf8)
                bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return bytes
    }
}
