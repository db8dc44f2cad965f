import Foundation
import Yams

extension ProxyConfiguration {
    /// The whole configuration with its defaults, as a file that `init(yaml:file:)` reads back to the same.
    ///
    /// Credentials in the receiver's URL are masked.
    /// - Throws: `YamlError` when a text cannot be written as YAML.
    package func yaml() throws -> String {
        var root: [(String, Node?)] = [
            ("service", Self.mapping(workload)),
            ("listeners", .sequence(.init(listeners.map(Self.mapping)))),
            ("clusters", .sequence(.init(clusters.map(Self.mapping)))),
            ("telemetry", Self.mapping(telemetry)),
            ("limits", Self.mapping(limits)),
        ]
        root.append(("admin", admin.map { .text($0.description) }))
        root.append(("threads", .number(threads)))
        return try Yams.serialize(node: .fields(root))
    }

    private static func mapping(_ workload: Workload) -> Node {
        .fields([
            ("name", .text(workload.name)), ("version", .given(workload.version)),
            ("namespace", .given(workload.namespace)),
        ])
    }

    private static func mapping(_ listener: Listener) -> Node {
        .fields([
            ("name", .text(listener.name)), ("address", .text(listener.address.description)),
            ("direction", .text(listener.direction.rawValue)),
            ("routes", .sequence(.init(listener.routes.map(mapping)))),
        ])
    }

    private static func mapping(_ route: Route) -> Node {
        let split = route.targets.map {
            Node.fields([("cluster", .text($0.cluster)), ("weight", .number(Int($0.weight)))])
        }
        return .fields([
            ("name", .text(route.name)), ("host", route.host.map { .text($0) }),
            ("prefix", .text(route.prefix)), ("split", .sequence(.init(split))),
            ("timeout", route.timeout.map { .duration($0) } ?? .text("off")),
            ("retries", route.retries.map(mapping)),
        ])
    }

    private static func mapping(_ retries: Retries) -> Node {
        let conditions = retries.conditions.map(\.rawValue).sorted().map { Node.text($0) }
        return .fields([
            ("attempts", .number(retries.attemptsMax)), ("on", .sequence(.init(conditions))),
            ("per_try_timeout", retries.perTryTimeout.map { .duration($0) }),
            ("backoff", .duration(retries.backoff)),
        ])
    }

    private static func mapping(_ cluster: Cluster) -> Node {
        let endpoints = cluster.endpoints.map { Node.text($0.description) }
        return .fields([
            ("name", .text(cluster.name)), ("kind", .text(cluster.kind.rawValue)),
            ("service", .text(cluster.service)), ("version", .given(cluster.version)),
            ("namespace", .given(cluster.namespace)), ("endpoints", .sequence(.init(endpoints))),
            ("connect_timeout", .duration(cluster.connectTimeout)),
            ("connections_max", .number(cluster.connectionsMax)),
            ("pending_max", .number(cluster.pendingMax)),
            ("idle_timeout", .duration(cluster.idleTimeout)),
        ])
    }

    private static func mapping(_ settings: TelemetrySettings) -> Node {
        .fields([
            ("otlp", settings.otlp.map { .text(masked($0)) }),
            ("gzip", .flag(settings.compressesWithGzip)),
            ("sampling", Node("\(settings.sampling)")),
            ("access_log", .text(settings.accessLog.text)),
            ("export_access_log", .flag(settings.exportsAccessLog)),
            ("metrics_interval", .duration(settings.metricsInterval)),
        ])
    }

    private static func mapping(_ limits: Limits) -> Node {
        .fields([
            ("head_bytes", .number(limits.heads.headBytesMax)),
            ("headers", .number(limits.heads.fieldsMax)),
            ("request_line_bytes", .number(limits.heads.requestLineBytesMax)),
            ("head_timeout", .duration(limits.headTimeout)),
            ("idle_timeout", .duration(limits.idleTimeout)),
            ("stream_idle_timeout", .duration(limits.streamIdleTimeout)),
            ("replay_bytes", .number(limits.replayBytesMax)),
            ("client_connections", .number(limits.clientConnectionsMax)),
        ])
    }

    /// `url` with `***` for its user and password.
    private static func masked(_ url: String) -> String {
        guard let scheme = url.range(of: "://") else { return url }
        let rest = url[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard let at = authority.lastIndex(of: "@") else { return url }
        return url[..<scheme.upperBound] + "***" + rest[at...]
    }
}

extension ProxyConfiguration.AccessLog {
    /// What `init(_:)` reads back.
    var text: String {
        switch self {
        case .off: "off"
        case .standardOutput: "-"
        case .file(let path): path
        }
    }
}

extension Node {
    /// A mapping of the entries that there are, in their order.
    fileprivate static func fields(_ entries: [(String, Node?)]) -> Node {
        .mapping(
            Mapping(entries.compactMap { key, value in value.map { (Node(key), $0) } }, Tag(.map)))
    }

    /// A string, quoted so that no reader takes it for something else.
    fileprivate static func text(_ text: String) -> Node {
        .scalar(Scalar(text, Tag(.str), .doubleQuoted))
    }

    /// `text`, unless there is none.
    fileprivate static func given(_ text: String) -> Node? { text.isEmpty ? nil : .text(text) }

    fileprivate static func number(_ number: Int) -> Node { Node("\(number)") }

    fileprivate static func flag(_ flag: Bool) -> Node { Node(flag ? "true" : "false") }

    /// In seconds where that is whole, else in smaller units down to the microsecond.
    fileprivate static func duration(_ duration: Duration) -> Node {
        let (seconds, attoseconds) = duration.components
        let microseconds = attoseconds / 1_000_000_000_000
        if microseconds == 0 { return Node("\(seconds)s") }
        let total = seconds * 1_000_000 + microseconds
        return total % 1_000 == 0 ? Node("\(total / 1_000)ms") : Node("\(total)us")
    }
}
