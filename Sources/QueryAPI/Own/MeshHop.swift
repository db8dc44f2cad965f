import Telemetry

/// One call between two services as the spans of everybody on its way: the caller's own span, those of
/// the proxies beside the caller and beside the callee, and the callee's own span.
struct MeshHop {
    /// From the caller to the callee; at least one is a proxy's, and there are at least two.
    var rows: [Int32]
    /// Nanoseconds between the proxies of the two sides (or a side's own span where it has none): the
    /// network, with what connections and TLS took.
    var network: Int64 = 0
    /// Nanoseconds in proxies and between them and their own service.
    var proxies: Int64 = 0
    /// Nanoseconds of the last span: the callee, or the last proxy if the callee sends no spans.
    var callee: Int64 = 0

    /// All hops of a tree, the first row of each with its hop.
    static func all(in tree: TraceTree) -> [Int32: MeshHop] {
        var hops: [Int32: MeshHop] = [:]
        guard tree.hasProxies else { return hops }
        var open = tree.roots
        while let row = open.popLast() {
            guard let hop = MeshHop(from: row, in: tree) else {
                open += tree.children(of: row)
                continue
            }
            hops[row] = hop
            if let last = hop.rows.last { open += tree.children(of: last) }
        }
        return hops
    }

    /// The hop that begins with `first`, if one does.
    private init?(from first: Int32, in tree: TraceTree) {
        let kind = tree.likenesses[Int(first)].kind
        guard tree.proxies[Int(first)] != .none || kind == .client else { return nil }
        rows = [first]
        var hasProxy = tree.proxies[Int(first)] != .none
        var networks = 0
        while let last = rows.last, tree.children(of: last).count == 1,
            let next = tree.children(of: last).first
        {
            let nextKind = tree.likenesses[Int(next)].kind
            guard nextKind == .client || nextKind == .server else { break }
            let isNetwork = MeshHop.isNetwork(last, next, tree)
            // Behind Envoy's span of a received request the service itself makes calls.
            let isCallOfService =
                nextKind == .client && tree.likenesses[Int(last)].kind == .server
                && tree.proxies[Int(last)] != .sidelight
            if isCallOfService || (isNetwork && networks == 1) { break }
            let isProxy = tree.proxies[Int(next)] != .none
            guard isProxy || (nextKind == .server && hasProxy) else { break }
            let gap = max(0, tree.durations[Int(last)] &- tree.durations[Int(next)])
            if isNetwork { network &+= gap } else { proxies &+= gap }
            if isNetwork { networks += 1 }
            hasProxy = hasProxy || isProxy
            rows.append(next)
            if !isProxy { break }
        }
        guard hasProxy, rows.count >= 2, let last = rows.last else { return nil }
        callee = tree.durations[Int(last)]
    }

    /// Whether a call and the span that took it belong to different services.
    private static func isNetwork(_ last: Int32, _ next: Int32, _ tree: TraceTree) -> Bool {
        tree.likenesses[Int(last)].kind == .client && tree.likenesses[Int(next)].kind == .server
            && workload(tree.service(last)) != workload(tree.service(next))
    }

    /// Istio's proxies say `cart.shop` where the service says `cart`.
    private static func workload(_ service: String) -> Substring {
        service.prefix { $0 != "." }
    }
}

/// How far the clocks of two services may be apart, from calls between them: the callee worked while the
/// caller waited, so the difference of their clocks lies between the differences at both ends.
struct ClockSkew {
    var client: String
    var server: String
    var callCount = 0
    /// Nanoseconds by which the server's clock is ahead, at least and at most. If the first is larger
    /// than the second, calls contradict each other: clocks changed, or servers worked on after they
    /// had answered.
    var least: Int64 = .min
    var most: Int64 = .max

    /// By caller and callee.
    static func all(in tree: TraceTree) -> [ClockSkew] {
        var found: [String: ClockSkew] = [:]
        for row in 0..<Int32(clamping: tree.count) where tree.likenesses[Int(row)].kind == .client {
            for child in tree.children(of: row) where tree.likenesses[Int(child)].kind == .server {
                let (client, server) = (tree.service(row), tree.service(child))
                if client == server { continue }
                let key = "\(client)\u{0}\(server)"
                found[key, default: ClockSkew(client: client, server: server)].add(
                    row, child, tree)
            }
        }
        return found.sorted { $0.key < $1.key }.map(\.value)
    }

    private mutating func add(_ client: Int32, _ server: Int32, _ tree: TraceTree) {
        let starts = tree.starts[Int(server)].nanoseconds(since: tree.starts[Int(client)])
        // End minus end, without an overflow of either.
        let shorter = tree.durations[Int(server)].subtractingReportingOverflow(
            tree.durations[Int(client)])
        let ends = starts.addingReportingOverflow(shorter.partialValue)
        guard !shorter.overflow, !ends.overflow else { return }
        callCount += 1
        least = max(least, ends.partialValue)
        most = min(most, starts)
    }
}
