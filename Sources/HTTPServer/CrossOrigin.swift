/// Lets pages of any origin read what is served below a path, with the header fields by which Prometheus does
/// it (Fetch Standard, "CORS protocol").
enum CrossOrigin {
    /// Answers what a browser asks before a request of its page: no token comes with that.
    static let preflight: Router.Route = {
        var options = RouteOptions()
        options.needsToken = false
        return Router.Route(pattern: "preflight", options: options, handler: { _ in .empty() })
    }()

    static func allow(_ request: HTTPRequest, _ response: inout HTTPResponse) {
        response.headers.add("vary", "Origin")
        guard request.headers["origin"] != nil else { return }
        response.headers["access-control-allow-origin"] = "*"
        response.headers["access-control-allow-headers"] =
            "Accept, Authorization, Content-Type, Origin"
        response.headers["access-control-allow-methods"] = "GET, POST, OPTIONS"
        response.headers["access-control-expose-headers"] = "Date"
    }
}

/// Paths below a prefix that pages of any origin may read.
struct OpenPath: Sendable {
    /// With the slash behind it.
    var prefix: String
    /// First segments behind the prefix of paths that are not open.
    var closed: [String]

    func holds(_ path: String) -> Bool {
        guard path.hasPrefix(prefix) else { return false }
        let rest = path.dropFirst(prefix.count)
        return !closed.contains { rest == $0 || rest.hasPrefix($0 + "/") }
    }
}
