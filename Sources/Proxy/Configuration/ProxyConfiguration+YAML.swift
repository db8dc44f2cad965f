import Yams

extension ProxyConfiguration {
    /// Reads a configuration file.
    ///
    /// ```yaml
    /// service: { name: cart, version: v2, namespace: shop }
    /// listeners:
    ///   - { name: inbound, address: "127.0.0.1:15006", direction: inbound, cluster: app }
    ///   - name: outbound
    ///     address: 127.0.0.1:15001
    ///     direction: outbound
    ///     routes:
    ///       - host: payments
    ///         prefix: /charge
    ///         split: [{ cluster: payments-v1, weight: 90 }, { cluster: payments-v2, weight: 10 }]
    ///         timeout: 2s
    ///         retries: { attempts: 3, on: [5xx, connect-failure], per_try_timeout: 500ms }
    /// clusters:
    ///   - { name: app, kind: app, endpoints: ["127.0.0.1:8080"] }
    ///   - { name: payments-v1, service: payments, version: v1, endpoints: ["10.0.0.7:80"] }
    ///   - { name: payments-v2, service: payments, version: v2, endpoints: ["10.0.0.8:80"] }
    /// telemetry: { otlp: "http://127.0.0.1:4318", access_log: "-", metrics_interval: 10s }
    /// admin: 127.0.0.1:15000
    /// ```
    /// - Throws: `ConfigurationError` with file, line and column, on unknown keys too.
    package init(yaml: String, file: String) throws(ConfigurationError) {
        let root = try ProxyConfiguration.document(yaml, file)
        try root.allow([
            "service", "listeners", "clusters", "telemetry", "limits", "admin", "threads",
        ])
        let clusters = try root.mappings("clusters").map(ProxyConfiguration.cluster)
        let listeners = try root.mappings("listeners").map(ProxyConfiguration.listener)
        self.init(
            workload: try ProxyConfiguration.workload(root), listeners: listeners,
            clusters: clusters)
        if let reader = try root.mapping("telemetry") { telemetry = try Self.telemetry(reader) }
        if let reader = try root.mapping("limits") { limits = try Self.limits(reader) }
        admin = try root.address("admin")
        threads = try root.integer("threads", in: 1...64) ?? threads
        do {
            try validate()
        } catch {
            throw ConfigurationError("\(file): \(error.description)")
        }
    }

    /// Checks what no single key can: names that refer to each other.
    package func validate() throws(ConfigurationError) {
        guard !listeners.isEmpty else { throw ConfigurationError("there are no listeners") }
        var names: Set<String> = []
        for cluster in clusters {
            guard names.insert(cluster.name).inserted else {
                throw ConfigurationError("cluster \"\(cluster.name)\" is defined twice")
            }
            guard !cluster.endpoints.isEmpty else {
                throw ConfigurationError("cluster \"\(cluster.name)\" has no endpoints")
            }
        }
        for listener in listeners {
            for target in listener.routes.flatMap(\.targets) where !names.contains(target.cluster) {
                throw ConfigurationError(
                    "listener \"\(listener.name)\" leads to cluster \"\(target.cluster)\", "
                        + "which is not defined")
            }
            for route in listener.routes where !route.targets.contains(where: { $0.weight > 0 }) {
                throw ConfigurationError(
                    "route \"\(route.name)\" of listener \"\(listener.name)\" leads nowhere: "
                        + "give it a cluster, or a weight above 0")
            }
        }
    }

    private static func document(
        _ yaml: String, _ file: String
    ) throws(ConfigurationError) -> YAMLReader {
        let node: Node?
        do {
            node = try Yams.compose(yaml: yaml)
        } catch {
            // Without the text around the mistake.
            let finding =
                (error as? YamlError)?.finding ?? (line: 0, problem: "not readable as YAML")
            let place = finding.line > 0 ? ":\(finding.line)" : ""
            throw ConfigurationError("\(file)\(place): \(finding.problem)")
        }
        guard let node else { throw ConfigurationError("\(file): the file is empty") }
        return try YAMLReader(node, path: "", file: file)
    }

    private static func workload(_ root: YAMLReader) throws(ConfigurationError) -> Workload {
        guard let node = root.node("service") else {
            throw root.error("service", "is missing: name the workload behind this proxy")
        }
        if let name = node.scalar?.string, !name.isEmpty { return Workload(name: name) }
        let reader = try YAMLReader(node, path: "service", file: root.file)
        try reader.allow(["name", "version", "namespace"])
        return Workload(
            name: try reader.requiredString("name"), version: try reader.string("version") ?? "",
            namespace: try reader.string("namespace") ?? "")
    }

    @Sendable
    private static func listener(_ reader: YAMLReader) throws(ConfigurationError) -> Listener {
        try reader.allow(["name", "address", "direction", "cluster", "routes", "timeout"])
        guard let address = try reader.address("address") else {
            throw reader.error("address", "is missing")
        }
        guard let direction = try reader.choice("direction", Direction.self) else {
            throw reader.error("direction", "is missing: inbound or outbound")
        }
        var routes: [Route] = []
        for route in try reader.mappings("routes") { routes.append(try self.route(route)) }
        if let cluster = try reader.string("cluster") {
            var route = Route(name: cluster, targets: [Target(cluster: cluster)])
            if reader.node("timeout") != nil { route.timeout = try timeout(reader) }
            routes.append(route)
        }
        guard !routes.isEmpty else {
            throw reader.error("routes", "are missing: give routes, a default cluster, or both")
        }
        return Listener(
            name: try reader.string("name") ?? direction.rawValue, address: address,
            direction: direction, routes: routes)
    }

    private static func route(_ reader: YAMLReader) throws(ConfigurationError) -> Route {
        try reader.allow([
            "name", "host", "prefix", "cluster", "split", "timeout", "retries",
        ])
        var targets: [Target] = []
        for split in try reader.mappings("split") {
            try split.allow(["cluster", "weight"])
            let weight = try split.integer("weight", in: 0...1_000_000) ?? 1
            targets.append(
                Target(cluster: try split.requiredString("cluster"), weight: UInt32(weight)))
        }
        if let cluster = try reader.string("cluster") {
            guard targets.isEmpty else {
                throw reader.error("cluster", "and split exclude each other")
            }
            targets = [Target(cluster: cluster)]
        }
        guard let first = targets.first else {
            throw reader.error("cluster", "is missing: give a cluster or a split")
        }
        let prefix = try reader.string("prefix") ?? "/"
        guard prefix.hasPrefix("/") else { throw reader.error("prefix", "must start with /") }
        let host = try reader.string("host")?.lowercased()
        let fallback = prefix == "/" ? host ?? first.cluster : prefix
        var route = Route(
            name: try reader.string("name") ?? fallback, host: host == "*" ? nil : host,
            targets: targets)
        route.prefix = prefix
        if reader.node("timeout") != nil { route.timeout = try timeout(reader) }
        if let retries = try reader.mapping("retries") { route.retries = try self.retries(retries) }
        return route
    }

    private static func timeout(_ reader: YAMLReader) throws(ConfigurationError) -> Duration? {
        if try reader.string("timeout") == "off" { return nil }
        return try reader.duration("timeout")
    }

    private static func retries(_ reader: YAMLReader) throws(ConfigurationError) -> Retries {
        try reader.allow(["attempts", "on", "per_try_timeout", "backoff"])
        var retries = Retries()
        retries.attemptsMax = try reader.integer("attempts", in: 1...10) ?? retries.attemptsMax
        if reader.node("on") != nil {
            retries.conditions = []
            for node in try reader.list("on") {
                guard let text = node.scalar?.string,
                    let condition = Retries.Condition(rawValue: text)
                else {
                    let known = Retries.Condition.allCases.map(\.rawValue)
                    throw reader.error("on", "may list \(known.joined(separator: ", "))")
                }
                retries.conditions.insert(condition)
            }
        }
        retries.perTryTimeout = try reader.duration("per_try_timeout")
        retries.backoff = try reader.duration("backoff") ?? retries.backoff
        return retries
    }

    @Sendable
    private static func cluster(_ reader: YAMLReader) throws(ConfigurationError) -> Cluster {
        try reader.allow([
            "name", "kind", "service", "version", "namespace", "endpoints", "connect_timeout",
            "connections_max", "pending_max", "idle_timeout",
        ])
        var endpoints: [Address] = []
        for node in try reader.list("endpoints") {
            guard let text = node.scalar?.string else {
                throw reader.error("endpoints", "must list addresses")
            }
            do {
                endpoints.append(try Address(text))
            } catch {
                throw YAMLReader.error(reader.file, node.mark, error.description)
            }
        }
        var cluster = Cluster(
            name: try reader.requiredString("name"),
            kind: try reader.choice("kind", ClusterKind.self) ?? .remote, endpoints: endpoints)
        cluster.service = try reader.string("service") ?? cluster.name
        cluster.version = try reader.string("version") ?? ""
        cluster.namespace = try reader.string("namespace") ?? ""
        cluster.connectTimeout = try reader.duration("connect_timeout") ?? cluster.connectTimeout
        cluster.connectionsMax =
            try reader.integer("connections_max", in: 1...65_535) ?? cluster.connectionsMax
        cluster.pendingMax =
            try reader.integer("pending_max", in: 0...1_000_000) ?? cluster.pendingMax
        cluster.idleTimeout = try reader.duration("idle_timeout") ?? cluster.idleTimeout
        return cluster
    }

    private static func telemetry(
        _ reader: YAMLReader
    ) throws(ConfigurationError) -> TelemetrySettings {
        try reader.allow([
            "otlp", "gzip", "sampling", "access_log", "export_access_log", "metrics_interval",
        ])
        var settings = TelemetrySettings()
        settings.otlp = try reader.string("otlp")
        settings.compressesWithGzip = try reader.flag("gzip") ?? false
        settings.sampling = try reader.fraction("sampling") ?? 1
        settings.accessLog = try reader.string("access_log").map(AccessLog.init) ?? .off
        settings.exportsAccessLog = try reader.flag("export_access_log") ?? true
        settings.metricsInterval =
            try reader.duration("metrics_interval") ?? settings.metricsInterval
        guard settings.metricsInterval >= .milliseconds(50) else {
            throw reader.error("metrics_interval", "must be at least 50ms")
        }
        return settings
    }

    private static func limits(_ reader: YAMLReader) throws(ConfigurationError) -> Limits {
        try reader.allow([
            "head_bytes", "headers", "request_line_bytes", "head_timeout", "idle_timeout",
            "stream_idle_timeout", "replay_bytes", "client_connections",
        ])
        var limits = Limits()
        limits.heads.headBytesMax =
            try reader.integer("head_bytes", in: 1_024...8_388_608) ?? limits.heads.headBytesMax
        limits.heads.fieldsMax =
            try reader.integer("headers", in: 8...10_000) ?? limits.heads.fieldsMax
        limits.heads.requestLineBytesMax =
            try reader.integer("request_line_bytes", in: 256...1_048_576)
            ?? limits.heads.requestLineBytesMax
        limits.headTimeout = try reader.duration("head_timeout") ?? limits.headTimeout
        limits.idleTimeout = try reader.duration("idle_timeout") ?? limits.idleTimeout
        limits.streamIdleTimeout =
            try reader.duration("stream_idle_timeout") ?? limits.streamIdleTimeout
        limits.replayBytesMax =
            try reader.integer("replay_bytes", in: 0...16_777_216) ?? limits.replayBytesMax
        limits.clientConnectionsMax =
            try reader.integer("client_connections", in: 1...1_000_000)
            ?? limits.clientConnectionsMax
        return limits
    }
}

extension ProxyConfiguration.AccessLog {
    /// `off`, `-` (standard output) or a file's path, as `--access-log` takes it.
    package init(_ text: String) {
        switch text {
        case "off": self = .off
        case "-": self = .standardOutput
        default: self = .file(text)
        }
    }
}
