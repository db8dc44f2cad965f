/// Compiled routes. Matching costs one dictionary look-up a segment.
package struct RouteTable: Sendable {
    enum Match {
        case route(Router.Route, parameters: Parameters)
        /// The path exists, the method does not.
        case wrongMethod(allowed: [HTTPMethod], errors: ErrorRenderer)
        case none(errors: ErrorRenderer)

        /// What counters call it.
        var pattern: String {
            switch self {
            case .route(let route, _): route.pattern
            case .wrongMethod, .none: "unmatched"
            }
        }

        var errors: ErrorRenderer {
            switch self {
            case .route(let route, _): route.options.errors
            case .wrongMethod(_, let errors), .none(let errors): errors
            }
        }

        var needsToken: Bool {
            switch self {
            case .route(let route, _): route.options.needsToken
            case .wrongMethod, .none: true
            }
        }
    }

    let root: Router.Node
    let scopes: [(prefix: [String], errors: ErrorRenderer)]
    let defaultErrors: ErrorRenderer
    /// What pages of any origin may read.
    let openPaths: [OpenPath]

    func isOpenToOtherOrigins(_ path: String) -> Bool { openPaths.contains { $0.holds(path) } }

    func match(_ method: HTTPMethod?, path: String) -> Match {
        let segments = path.utf8.split(separator: UInt8(ascii: "/")).map {
            PercentCoding.decode($0)
        }
        var captured: [String] = []
        var others: [HTTPMethod: Router.Route] = [:]
        if let route = find(method, segments[...], root, &captured, &others) {
            return .route(route, parameters: Self.parameters(route, captured))
        }
        if method == .options, isOpenToOtherOrigins(path) {
            return .route(CrossOrigin.preflight, parameters: Parameters())
        }
        guard let any = others.first else { return .none(errors: errors(for: segments)) }
        var allowed = Set(others.keys)
        if allowed.contains(.get) { allowed.insert(.head) }
        return .wrongMethod(
            allowed: allowed.sorted { $0.rawValue < $1.rawValue },
            errors: any.value.options.errors)
    }

    /// The shape of errors for a path without a route.
    func errors(for segments: [String]) -> ErrorRenderer {
        scopes.filter { segments.starts(with: $0.prefix) }
            .max { $0.prefix.count < $1.prefix.count }?.errors ?? defaultErrors
    }

    /// Depth first, most specific branch first; `others` gathers routes that only lack the method.
    private func find(
        _ method: HTTPMethod?, _ segments: ArraySlice<String>, _ node: Router.Node,
        _ captured: inout [String], _ others: inout [HTTPMethod: Router.Route]
    ) -> Router.Route? {
        guard let segment = segments.first else {
            return pick(method, node.routes, &others)
        }
        if let child = node.literals[segment],
            let route = find(method, segments.dropFirst(), child, &captured, &others)
        {
            return route
        }
        if let child = node.parameter {
            captured.append(segment)
            if let route = find(method, segments.dropFirst(), child, &captured, &others) {
                return route
            }
            captured.removeLast()
        }
        guard let route = pick(method, node.rest, &others) else { return nil }
        captured.append(segments.joined(separator: "/"))
        return route
    }

    private func pick(
        _ method: HTTPMethod?, _ routes: [HTTPMethod: Router.Route],
        _ others: inout [HTTPMethod: Router.Route]
    ) -> Router.Route? {
        if let method, let route = routes[method] ?? (method == .head ? routes[.get] : nil) {
            return route
        }
        others.merge(routes) { first, _ in first }
        return nil
    }

    private static func parameters(_ route: Router.Route, _ captured: [String]) -> Parameters {
        guard !captured.isEmpty else { return Parameters() }
        let names = Segment.parse(route.pattern).compactMap { segment -> String? in
            switch segment {
            case .literal: nil
            case .parameter(let name), .rest(let name): name
            }
        }
        return Parameters(
            zip(names, captured).map { Parameters.Entry(name: $0, value: $1) })
    }
}
