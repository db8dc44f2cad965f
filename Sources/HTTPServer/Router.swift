/// Answers one request.
package typealias HTTPHandler = @Sendable (HTTPRequest) async throws -> HTTPResponse

/// How a route is served.
package struct RouteOptions: Sendable {
    /// The shape of errors.
    package var errors: ErrorRenderer
    /// Content codings that the handler undoes itself; their bodies arrive as sent.
    package var rawEncodings: Set<String> = []
    /// False for probes that must work without the bearer token.
    package var needsToken = true
    /// Whether the handler gets what came of a body that did not end in time (`HTTPRequest.isTruncated`)
    /// instead of the client an error.
    package var takesLateBodies = false
    /// Whether work for a client that went away is cancelled: for queries, not for what is to be stored.
    package var endsWithClient = false
    /// Whether the handler does nothing that takes time but on threads that it waits for, so that it may
    /// run on an event loop.
    package var isQuick = false

    package init(errors: @escaping ErrorRenderer = ErrorRenderers.text) { self.errors = errors }
}

/// Which handler answers which method and path.
///
/// Patterns are paths whose segments are literal, `{name}` (one segment, not empty) or, at the end,
/// `{name...}` (the rest, with its slashes). Literal segments win over `{name}`, which wins over
/// `{name...}`. GET routes answer HEAD. A slash at the end of the path makes no difference.
package struct Router: Sendable {
    struct Route: Sendable {
        var pattern: String
        var options: RouteOptions
        var handler: HTTPHandler
        /// Of a route that is for WebSockets.
        var socket: WebSocketOpening?
    }

    final class Node: Sendable {
        let literals: [String: Node]
        let parameter: Node?
        let rest: [HTTPMethod: Route]
        let routes: [HTTPMethod: Route]
        /// Names of the parameters of a route here stand in the route's pattern.
        init(
            literals: [String: Node], parameter: Node?, rest: [HTTPMethod: Route],
            routes: [HTTPMethod: Route]
        ) {
            self.literals = literals
            self.parameter = parameter
            self.rest = rest
            self.routes = routes
        }
    }

    private struct Scope: Sendable {
        var prefix: [String]
        var errors: ErrorRenderer
    }

    private var patterns: [(segments: [Segment], method: HTTPMethod, route: Route)] = []
    private var scopes: [Scope] = []
    private var openPaths: [OpenPath] = []
    private let defaultErrors: ErrorRenderer

    /// - Parameter errors: the shape of errors where no group says otherwise.
    package init(errors: @escaping ErrorRenderer = ErrorRenderers.text) { defaultErrors = errors }

    /// Registers a handler. Registering a method and pattern twice is a programming error.
    package mutating func on(
        _ method: HTTPMethod, _ pattern: String, options: RouteOptions? = nil,
        _ handler: @escaping HTTPHandler
    ) {
        let segments = Segment.parse(pattern)
        precondition(
            !patterns.contains { $0.method == method && Segment.same($0.segments, segments) },
            "BUG: \(method.rawValue) \(pattern) is registered twice")
        let options = options ?? RouteOptions(errors: defaultErrors)
        patterns.append(
            (segments, method, Route(pattern: pattern, options: options, handler: handler)))
    }

    /// Registers a route for WebSockets. Requests that ask for none get the error that `open` has for them,
    /// or else 426.
    package mutating func onWebSocket(
        _ pattern: String, options: RouteOptions? = nil, _ open: @escaping WebSocketOpening
    ) {
        on(.get, pattern, options: options) { request in
            _ = try await open(request)
            throw HTTPError(
                .badRequest, status: 426,
                message: "\(pattern) speaks WebSocket (RFC 6455) only: ask for an upgrade",
                headers: ["upgrade": "websocket"])
        }
        patterns[patterns.count - 1].route.socket = open
    }

    /// Registers routes below `prefix` ("" for none) that share `options`. Paths below a prefix that no
    /// route matches are answered 404 in the shape of its options.
    package mutating func group(
        _ prefix: String, options: RouteOptions, _ register: (inout RouteGroup) -> Void
    ) {
        if !prefix.isEmpty { shapeErrors(below: prefix, options.errors) }
        var group = RouteGroup(router: self, prefix: prefix, options: options)
        register(&group)
        self = group.router
    }

    /// Gives 404 answers below `prefix` a shape; the longest prefix wins.
    package mutating func shapeErrors(below prefix: String, _ errors: @escaping ErrorRenderer) {
        let segments = prefix.split(separator: "/").map(String.init)
        scopes.append(Scope(prefix: segments, errors: errors))
    }

    /// Lets pages of any origin read what is below `prefix`; `OPTIONS` is answered there.
    /// - Parameter closed: what is not, by what follows the prefix: `admin`.
    package mutating func openToOtherOrigins(below prefix: String, except closed: [String] = []) {
        openPaths.append(OpenPath(prefix: prefix + "/", closed: closed))
    }

    /// The table that requests are matched against.
    package func compiled() -> RouteTable {
        RouteTable(
            root: Self.build(patterns.map { ($0.segments[...], $0.method, $0.route) }),
            scopes: scopes.map { ($0.prefix, $0.errors) }, defaultErrors: defaultErrors,
            openPaths: openPaths)
    }

    private static func build(
        _ patterns: [(segments: ArraySlice<Segment>, method: HTTPMethod, route: Route)]
    ) -> Node {
        var literals: [String: [(ArraySlice<Segment>, HTTPMethod, Route)]] = [:]
        var parameters: [(ArraySlice<Segment>, HTTPMethod, Route)] = []
        var rest: [HTTPMethod: Route] = [:]
        var routes: [HTTPMethod: Route] = [:]
        for (segments, method, route) in patterns {
            switch segments.first {
            case nil: routes[method] = route
            case .literal(let text):
                literals[text, default: []].append(
                    (segments.dropFirst(), method, route))
            case .parameter: parameters.append((segments.dropFirst(), method, route))
            case .rest: rest[method] = route
            }
        }
        return Node(
            literals: literals.mapValues { build($0) },
            parameter: parameters.isEmpty ? nil : build(parameters), rest: rest, routes: routes)
    }
}

/// Routes below one prefix with the same options.
package struct RouteGroup {
    fileprivate(set) var router: Router
    private let prefix: String
    private let options: RouteOptions

    fileprivate init(router: Router, prefix: String, options: RouteOptions) {
        self.router = router
        self.prefix = prefix
        self.options = options
    }

    package mutating func on(
        _ method: HTTPMethod, _ pattern: String, _ handler: @escaping HTTPHandler
    ) {
        router.on(method, prefix + pattern, options: options, handler)
    }

    package mutating func onWebSocket(_ pattern: String, _ open: @escaping WebSocketOpening) {
        router.onWebSocket(prefix + pattern, options: options, open)
    }

    /// The same handler for several methods, as Prometheus's GET and POST.
    package mutating func on(
        _ methods: [HTTPMethod], _ pattern: String, _ handler: @escaping HTTPHandler
    ) {
        for method in methods { on(method, pattern, handler) }
    }
}

/// A segment of a route's pattern.
enum Segment: Hashable {
    case literal(String)
    case parameter(String)
    case rest(String)

    static func parse(_ pattern: String) -> [Segment] {
        precondition(pattern.hasPrefix("/"), "BUG: pattern \(pattern) does not start with /")
        let parts = pattern.split(separator: "/")
        return parts.enumerated().map { index, part in
            guard part.hasPrefix("{"), part.hasSuffix("}") else { return .literal(String(part)) }
            let name = part.dropFirst().dropLast()
            guard name.hasSuffix("...") else { return .parameter(String(name)) }
            precondition(index == parts.count - 1, "BUG: {…...} is not last in \(pattern)")
            return .rest(String(name.dropLast(3)))
        }
    }

    /// Whether two patterns match the same paths.
    static func same(_ a: [Segment], _ b: [Segment]) -> Bool {
        a.count == b.count
            && zip(a, b).allSatisfy { pair in
                switch pair {
                case (.literal(let x), .literal(let y)): x == y
                case (.parameter, .parameter), (.rest, .rest): true
                default: false
                }
            }
    }
}
