import Telemetry

/// What a proxy process does: its listeners, the routes behind them, the clusters that these lead to,
/// and where its telemetry goes. Read from YAML by `ProxyConfiguration(yaml:file:)` or made from the
/// command line's few flags by `ProxyConfiguration.single`.
package struct ProxyConfiguration: Sendable, Equatable {
    /// The workload that this proxy stands before.
    package struct Workload: Sendable, Equatable {
        package var name: String
        package var version = ""
        package var namespace = ""

        package init(name: String, version: String = "", namespace: String = "") {
            self.name = name
            self.version = version
            self.namespace = namespace
        }
    }

    /// Whether requests come to the workload or leave it.
    package enum Direction: String, Sendable, CaseIterable {
        /// A SERVER span per request, `reporter="destination"`.
        case inbound
        /// A CLIENT span per attempt, `reporter="source"`.
        case outbound
    }

    package struct Listener: Sendable, Equatable {
        package var name: String
        package var address: Address
        package var direction: Direction
        /// Looked through in order; the first that matches is taken.
        package var routes: [Route]

        package init(name: String, address: Address, direction: Direction, routes: [Route]) {
            self.name = name
            self.address = address
            self.direction = direction
            self.routes = routes
        }
    }

    package struct Route: Sendable, Equatable {
        package var name: String
        /// Host without port, `*.suffix`, or `nil` for every host.
        package var host: String?
        package var prefix = "/"
        package var targets: [Target]
        /// Until the response head; `nil` waits for ever.
        package var timeout: Duration? = .seconds(15)
        package var retries: Retries?

        package init(name: String, host: String? = nil, targets: [Target]) {
            self.name = name
            self.host = host
            self.targets = targets
        }
    }

    /// A share of a route's requests.
    package struct Target: Sendable, Equatable {
        package var cluster: String
        package var weight: UInt32

        package init(cluster: String, weight: UInt32 = 1) {
            self.cluster = cluster
            self.weight = weight
        }
    }

    package struct Retries: Sendable, Equatable {
        package enum Condition: String, Sendable, CaseIterable {
            case serverError = "5xx"
            case gatewayError = "gateway-error"
            case connectFailure = "connect-failure"
            case reset
        }

        /// Tries in all, the first included.
        package var attemptsMax = 3
        package var conditions: Set<Condition> = [.gatewayError, .connectFailure, .reset]
        package var perTryTimeout: Duration?
        /// Before the second try; doubled with jitter before each further one.
        package var backoff: Duration = .milliseconds(25)

        package init() {}
    }

    /// What an upstream is, as seen from this proxy.
    package enum ClusterKind: String, Sendable, CaseIterable {
        /// The workload itself: no CLIENT span for the hop from the inbound listener.
        case app
        /// Somebody else: a CLIENT span per attempt.
        case remote
    }

    package struct Cluster: Sendable, Equatable {
        package var name: String
        package var kind: ClusterKind
        /// The destination of metrics and spans; the cluster's name unless given.
        package var service: String
        package var version = ""
        package var namespace = ""
        /// Taken in turn.
        package var endpoints: [Address]
        package var connectTimeout: Duration = .seconds(1)
        /// Per endpoint and event loop.
        package var connectionsMax = 1_024
        /// Requests that may wait for one of `connectionsMax` connections.
        package var pendingMax = 1_024
        package var idleTimeout: Duration = .seconds(60)

        package init(name: String, kind: ClusterKind, endpoints: [Address]) {
            self.name = name
            self.kind = kind
            self.service = name
            self.endpoints = endpoints
        }
    }

    package enum AccessLog: Sendable, Equatable {
        case off
        case standardOutput
        case file(String)
    }

    package struct TelemetrySettings: Sendable, Equatable {
        /// Base URL of an OTLP/HTTP receiver; `nil` exports nothing.
        package var otlp: String?
        package var compressesWithGzip = false
        /// Share of new traces that are sampled, 0 to 1.
        package var sampling = 1.0
        package var accessLog = AccessLog.off
        /// Also as OTLP log records, when there is a receiver.
        package var exportsAccessLog = true
        package var metricsInterval: Duration = .seconds(10)

        package init() {}
    }

    package struct Limits: Sendable, Equatable {
        package var heads = HeadLimits()
        /// A client that has begun a head must finish it within this time (against slow-loris).
        package var headTimeout: Duration = .seconds(10)
        /// A kept-alive client connection without a request is closed after this.
        package var idleTimeout: Duration = .seconds(300)
        /// A body of which no byte has moved for this long ends its exchange.
        package var streamIdleTimeout: Duration = .seconds(300)
        /// Request bodies up to this size are kept for another try.
        package var replayBytesMax = 65_536
        package var clientConnectionsMax = 10_000

        package init() {}
    }

    package var workload: Workload
    package var listeners: [Listener]
    package var clusters: [Cluster]
    package var telemetry = TelemetrySettings()
    package var limits = Limits()
    /// Where `/ready`, `/stats/prometheus` and `/config_dump` are answered; `nil` nowhere.
    package var admin: Address?
    /// Event loops.
    package var threads = 1

    package init(workload: Workload, listeners: [Listener], clusters: [Cluster]) {
        self.workload = workload
        self.listeners = listeners
        self.clusters = clusters
    }

    /// One inbound listener before one upstream, as `--listen --upstream --service` ask for.
    package static func single(
        listen: Address, upstream: Address, service: String, kind: ClusterKind = .app
    ) -> ProxyConfiguration {
        let cluster = Cluster(name: service, kind: kind, endpoints: [upstream])
        let route = Route(name: service, targets: [Target(cluster: service)])
        let listener = Listener(
            name: "inbound", address: listen, direction: .inbound, routes: [route])
        return ProxyConfiguration(
            workload: Workload(name: service), listeners: [listener], clusters: [cluster])
    }
}

/// A host (name or IP literal) and a TCP port.
package struct Address: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT`, `[IPv6]:PORT` or `:PORT` (loopback).
    /// - Throws: `ConfigurationError` that says what is wrong with `text`.
    package init(_ text: String) throws(ConfigurationError) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
        else {
            throw ConfigurationError("\"\(text)\" is no address: give HOST:PORT")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw ConfigurationError("\"\(text)\" is no address: put IPv6 hosts in [ ]")
        }
        self.init(host: host.isEmpty ? "127.0.0.1" : host, port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// What is wrong with a configuration, and where.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
