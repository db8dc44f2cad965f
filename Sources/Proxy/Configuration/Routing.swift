import NIOCore

/// A configuration made ready for the hot path: names resolved to objects, text to bytes. Never changes
/// once built, so every loop reads it without locks.
final class RoutingTable: Sendable {
    let listeners: [ListenerRuntime]
    let clusters: [ClusterRuntime]
    let endpointCount: Int

    /// - Throws: `ConfigurationError` for names that lead nowhere.
    init(_ configuration: ProxyConfiguration) throws(ConfigurationError) {
        try configuration.validate()
        var clusters: [ClusterRuntime] = []
        var endpoints = 0
        for (index, cluster) in configuration.clusters.enumerated() {
            clusters.append(ClusterRuntime(cluster, index: index, firstEndpoint: endpoints))
            endpoints += cluster.endpoints.count
        }
        self.clusters = clusters
        endpointCount = endpoints
        listeners = configuration.listeners.enumerated().map { index, listener in
            ListenerRuntime(listener, index: index, clusters: clusters)
        }
    }
}

final class EndpointRuntime: Sendable {
    let index: Int
    let address: Address
    /// Set when the host is an IP literal; names are looked up at every new connection.
    let socketAddress: SocketAddress?
    let hostText: [UInt8]
    let text: [UInt8]

    init(_ address: Address, index: Int) {
        self.index = index
        self.address = address
        hostText = Array(address.host.utf8)
        text = Array(address.description.utf8)
        do {
            socketAddress = try SocketAddress(ipAddress: address.host, port: address.port)
        } catch {
            socketAddress = nil
        }
    }
}

final class ClusterRuntime: Sendable {
    let index: Int
    let configuration: ProxyConfiguration.Cluster
    let endpoints: [EndpointRuntime]
    let nameText: [UInt8]
    let serviceText: [UInt8]
    let connectTimeout: TimeAmount
    let idleNanoseconds: Int64

    init(_ configuration: ProxyConfiguration.Cluster, index: Int, firstEndpoint: Int) {
        self.index = index
        self.configuration = configuration
        endpoints = configuration.endpoints.enumerated().map {
            EndpointRuntime($1, index: firstEndpoint + $0)
        }
        nameText = Array(configuration.name.utf8)
        serviceText = Array(configuration.service.utf8)
        connectTimeout = .nanoseconds(configuration.connectTimeout.nanosecondsClamped)
        idleNanoseconds = configuration.idleTimeout.nanosecondsClamped
    }

    var isApp: Bool { configuration.kind == .app }
}

final class RouteRuntime: Sendable {
    let nameText: [UInt8]
    /// `METHOD name` for every `RequestMethod`; `HTTP name` for other methods (HTTP span conventions).
    let spanNames: [[UInt8]]
    /// `http.route`, when the route has a path of its own.
    let pattern: [UInt8]
    private let host: [UInt8]?
    private let hostSuffix: [UInt8]?
    private let prefix: [UInt8]
    private let targets: [(cluster: ClusterRuntime, through: UInt64)]
    private let weightSum: UInt64
    let timeoutNanoseconds: Int64?
    let retries: ProxyConfiguration.Retries?
    let perTryNanoseconds: Int64?

    init(_ route: ProxyConfiguration.Route, clusters: [ClusterRuntime]) {
        nameText = Array(route.name.utf8)
        spanNames = RequestMethod.allCases.map { method in
            Array("\(method == .other ? "HTTP" : method.text.description) \(route.name)".utf8)
        }
        prefix = Array(route.prefix.utf8)
        pattern = route.prefix == "/" ? [] : prefix
        let isSuffix = route.host?.hasPrefix("*.") ?? false
        host = isSuffix ? nil : route.host.map { Array($0.utf8) }
        hostSuffix = isSuffix ? route.host.map { Array($0.dropFirst().utf8) } : nil
        var sum: UInt64 = 0
        var targets: [(cluster: ClusterRuntime, through: UInt64)] = []
        for target in route.targets where target.weight > 0 {
            sum += UInt64(target.weight)
            for cluster in clusters where cluster.configuration.name == target.cluster {
                targets.append((cluster, sum))
            }
        }
        self.targets = targets
        weightSum = sum
        timeoutNanoseconds = route.timeout?.nanosecondsClamped
        retries = route.retries
        perTryNanoseconds = route.retries?.perTryTimeout?.nanosecondsClamped
    }

    /// - Parameters:
    ///   - host: without port.
    func matches(host: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer) -> Bool {
        if let expected = self.host {
            guard expected.withUnsafeBytes({ host.equalsIgnoringCase($0) }) else { return false }
        } else if let suffix = hostSuffix {
            guard host.count > suffix.count else { return false }
            let end = UnsafeRawBufferPointer(rebasing: host[(host.count - suffix.count)...])
            guard suffix.withUnsafeBytes({ end.equalsIgnoringCase($0) }) else { return false }
        }
        return matchesPath(path)
    }

    /// A prefix matches whole segments: `/a` matches `/a` and `/a/b`, not `/ab`.
    private func matchesPath(_ path: UnsafeRawBufferPointer) -> Bool {
        if prefix.count == 1 { return true }
        guard path.count >= prefix.count else { return false }
        for index in 0..<prefix.count where path[index] != prefix[index] { return false }
        return path.count == prefix.count || prefix[prefix.count - 1] == UInt8(ascii: "/")
            || path[prefix.count] == UInt8(ascii: "/")
    }

    func target(_ random: inout FastRandom) -> ClusterRuntime {
        if targets.count == 1 { return targets[0].cluster }
        let point = random.next().multipliedFullWidth(by: weightSum).high
        for target in targets where point < target.through { return target.cluster }
        return targets[targets.count - 1].cluster
    }
}

final class ListenerRuntime: Sendable {
    let index: Int
    let configuration: ProxyConfiguration.Listener
    let isInbound: Bool
    private let routes: [RouteRuntime]

    init(_ listener: ProxyConfiguration.Listener, index: Int, clusters: [ClusterRuntime]) {
        self.index = index
        configuration = listener
        isInbound = listener.direction == .inbound
        routes = listener.routes.map { RouteRuntime($0, clusters: clusters) }
    }

    func route(host: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer) -> RouteRuntime? {
        for route in routes where route.matches(host: host, path: path) { return route }
        return nil
    }
}

extension Duration {
    /// Saturating at the ends of `Int64` (292 years).
    package var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carry ? .max : sum
    }
}
