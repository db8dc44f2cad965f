/// Request methods that routes can be registered for.
package enum HTTPMethod: String, Sendable, Hashable, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"
}

/// A request as handlers see it: body read whole, within the limits, and decompressed.
package struct HTTPRequest: Sendable {
    package var method: HTTPMethod
    /// The path as sent, still percent-encoded, without the query.
    package var path: String
    /// What follows `?`, as sent.
    package var rawQuery: String
    package var headers: Headers
    /// Empty for requests without a body. Compressed only in encodings the route asked to undo itself
    /// (`RouteOptions.rawEncodings`).
    package var body: [UInt8]
    /// Whether the body is only what came of it in time, see `RouteOptions.takesLateBodies`.
    package var isTruncated = false
    /// Address of the peer, without port; "" if unknown.
    package var remoteAddress: String
    /// Decoded query parameters; after those of the body for a form
    /// (`application/x-www-form-urlencoded`), as Prometheus's clients send long queries.
    package var parameters: Parameters
    /// Decoded values of the pattern's `{name}` segments.
    package var pathParameters: Parameters

    package init(
        method: HTTPMethod, path: String, rawQuery: String = "", headers: Headers = Headers(),
        body: [UInt8] = [], remoteAddress: String = ""
    ) {
        self.method = method
        self.path = path
        self.rawQuery = rawQuery
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
        parameters = Parameters(encoded: rawQuery.utf8)
        pathParameters = Parameters()
        mergeForm()
    }

    /// What `Content-Type` says; `nil` when absent or not of the form `type/subtype`.
    package var contentType: MediaType? { headers["content-type"].flatMap(MediaType.init) }

    /// Splits a request target (RFC 9112 §3.2) into path and query; a scheme and authority in front and
    /// a fragment behind are dropped.
    static func split(target: String) -> (path: String, query: String) {
        var rest = target[...]
        if !rest.hasPrefix("/"), let scheme = rest.firstRange(of: "://") {
            let afterAuthority = rest[scheme.upperBound...].firstIndex { $0 == "/" || $0 == "?" }
            rest = rest[(afterAuthority ?? rest.endIndex)...]
        }
        if let fragment = rest.utf8.firstIndex(of: UInt8(ascii: "#")) { rest = rest[..<fragment] }
        guard let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) else {
            return (rest.isEmpty ? "/" : String(rest), "")
        }
        let path = rest[..<mark]
        return (
            path.isEmpty ? "/" : String(path), String(rest[rest.utf8.index(after: mark)...])
        )
    }

    /// Sets a body that was read after the head, and with it a form's parameters.
    mutating func setBody(_ bytes: [UInt8]) {
        body = bytes
        mergeForm()
    }

    private mutating func mergeForm() {
        guard !body.isEmpty, contentType?.essence == "application/x-www-form-urlencoded" else {
            return
        }
        parameters = Parameters(Parameters(encoded: body).entries + parameters.entries)
    }
}
