import HTTPServer

/// One file of the pages with the headers it is served with.
struct UIFile: Sendable {
    private let body: [UInt8]
    private let entityTag: String
    private let headers: Headers

    /// Nothing but this origin: no inline scripts or styles, no frames, no forms sent elsewhere.
    private static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    init(_ body: [UInt8], contentType: String) {
        self.body = body
        entityTag = "\"\(Self.fingerprint(body))\""
        headers = [
            "content-type": contentType,
            "etag": entityTag,
            // Kept by the browser, asked for again each time: a new binary shows at once.
            "cache-control": "no-cache",
            "content-security-policy": Self.contentSecurityPolicy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
        ]
    }

    @Sendable func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
        if let tags = request.headers["if-none-match"], matches(tags) {
            return HTTPResponse(status: 304, headers: headers)
        }
        return HTTPResponse(status: 200, headers: headers, body: body)
    }

    /// Whether `If-None-Match` names this version (RFC 9110 §13.1.2: weak comparison). Our tags hold
    /// no commas, so splitting at them finds ours.
    private func matches(_ tags: String) -> Bool {
        tags.split(separator: ",").contains { part in
            let tag = part.drop { $0 == " " }.prefix { $0 != " " }
            return tag == "*" || tag == entityTag
                || (tag.hasPrefix("W/") && tag.dropFirst(2) == entityTag)
        }
    }

    /// FNV-1a, 64 bits: tells versions of our own files apart, nothing more.
    private static func fingerprint(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return String(hash, radix: 16)
    }
}
