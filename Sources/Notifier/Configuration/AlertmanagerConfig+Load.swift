import Foundation
import Platform
import Rules
import Yams

extension AlertmanagerConfig {
    /// Larger files are no configuration.
    private static let bytesMax = 16 << 20

    private static let known = [
        "global", "route", "inhibit_rules", "receivers", "templates", "mute_time_intervals",
        "time_intervals",
    ]
    private static let refused = [
        "tracing": "the server traces nothing of its own",
        "event_recorder": "see /api/sidelight/alerts/history",
    ]

    /// Reads and checks a file and the templates that it names.
    /// - Parameters:
    ///   - environment: for secrets written as `${env:NAME}`.
    ///   - allowsExec: whether receivers may run commands.
    package static func load(
        _ path: String, environment: [String: String], allowsExec: Bool,
        from files: some FileSystem = PosixFileSystem()
    ) throws(NotifierConfigError) -> AlertmanagerConfig {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try files.readAll(path)
        } catch {
            throw NotifierConfigError(path: path, reason: "cannot read the file: \(error)")
        }
        guard bytes.count <= bytesMax, let text = String(validating: bytes, as: UTF8.self) else {
            throw NotifierConfigError(path: path, reason: "the file is too large or no UTF-8 text")
        }
        return try parse(text, path: path, environment: environment, allowsExec: allowsExec)
    }

    /// Reads `text` as the content of `path`.
    package static func parse(
        _ text: String, path: String, environment: [String: String] = [:], allowsExec: Bool = false
    ) throws(NotifierConfigError) -> AlertmanagerConfig {
        guard let root = try compose(text, path) else {
            throw NotifierConfigError(path: path, reason: "no route provided in config")
        }
        let node = ConfigNode(
            surroundings: ConfigNode.Surroundings(path: path, environment: environment),
            what: "the file", node: root)
        let fields = try node.fields(known, type: "config.plain", refused: refused)
        let global =
            try fields["global"].map { node throws(NotifierConfigError) in
                try GlobalSettings(node, allowsExec: allowsExec)
            } ?? GlobalSettings(allowsExec: allowsExec)
        let (names, integrations) = try receivers(fields, global)
        let times = try times(fields)
        guard let routeNode = fields["route"] else {
            throw NotifierConfigError(path: path, line: 1, reason: "no route provided in config")
        }
        let route = try RouteTree.root(
            routeNode, receivers: Set(names), times: Set(times.keys))
        try checkForwarding(route, integrations, routeNode)
        var rules: [InhibitRule] = []
        for element in try fields["inhibit_rules"]?.elements() ?? [] {
            rules.append(try InhibitRule(element))
        }
        return AlertmanagerConfig(
            route: route, inhibitRules: rules, receivers: names, integrations: integrations,
            templates: try templates(fields, path), shown: try ShownConfig.text(of: root, path),
            resolveTimeout: global.resolveTimeout, times: times)
    }

    private static func compose(
        _ text: String, _ path: String
    ) throws(NotifierConfigError) -> Node? {
        do {
            var documents = try Yams.compose_all(yaml: text)
            let root = documents.next()
            // A sequence of documents ends at a mistake as if there were no more.
            if let error = documents.error { throw error }
            while let other = documents.next() {
                let node = ConfigNode(
                    surroundings: ConfigNode.Surroundings(path: path, environment: [:]),
                    what: "a document", node: other)
                if node.isNull { continue }
                throw node.failure(
                    "a second document stands in the file, which nothing would read: write all into one"
                )
            }
            if let error = documents.error { throw error }
            return root
        } catch let error as NotifierConfigError {
            throw error
        } catch let error as YamlError {
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                throw NotifierConfigError(
                    path: path, line: mark.line, reason: "not readable as YAML: \(problem)")
            case .duplicatedKeysInMapping(let duplicates, let context):
                throw NotifierConfigError(
                    path: path, line: context.mark.line,
                    reason: "key \"\(duplicates.joined(separator: ", "))\" already set in map")
            default: throw NotifierConfigError(path: path, reason: error.problem)
            }
        } catch {
            throw NotifierConfigError(path: path, reason: "not readable as YAML")
        }
    }

    // MARK: Parts

    private static func times(
        _ fields: ConfigFields
    ) throws(NotifierConfigError) -> [String: [TimeInterval]] {
        var times: [String: [TimeInterval]] = [:]
        for list in ["mute_time_intervals", "time_intervals"] {
            for element in try fields[list]?.elements() ?? [] {
                let inner = try element.fields(
                    ["name", "time_intervals"], type: "config.TimeInterval")
                let name = try inner.text("name")
                if name.isEmpty { throw element.failure("missing name in time interval") }
                guard times[name] == nil else {
                    throw element.failure("time interval \"\(name)\" is not unique")
                }
                var intervals: [TimeInterval] = []
                for node in try inner["time_intervals"]?.elements() ?? [] {
                    intervals.append(try TimeInterval(node))
                }
                times[name] = intervals
            }
        }
        return times
    }

    private static func receivers(
        _ fields: ConfigFields, _ global: GlobalSettings
    ) throws(NotifierConfigError) -> (names: [String], integrations: [Integration]) {
        var names: [String] = []
        var integrations: [Integration] = []
        for element in try fields["receivers"]?.elements() ?? [] {
            let inner = try element.fields(
                ["name"] + IntegrationKind.all.map(\.key), type: "config.plain",
                refused: IntegrationKind.refused)
            let name = try inner.text("name")
            if name.isEmpty { throw element.failure("missing name in receiver") }
            guard !names.contains(name) else {
                throw element.failure("notification config name \"\(name)\" is not unique")
            }
            names.append(name)
            for kind in IntegrationKind.all {
                for (index, node) in (try inner[kind.key]?.elements() ?? []).enumerated() {
                    integrations.append(try kind.integration(name, index, node, global))
                }
            }
        }
        return (names, integrations)
    }

    /// An alert handed on must not end on the other side before it is handed on again.
    private static func checkForwarding(
        _ route: RouteTree, _ integrations: [Integration], _ node: ConfigNode
    ) throws(NotifierConfigError) {
        for route in route.all {
            for integration in integrations where integration.receiver == route.receiver {
                guard let forwarding = integration.settings as? AlertmanagerIntegration else {
                    continue
                }
                guard forwarding.expiresAfter > route.repeatInterval + route.groupInterval else {
                    throw node.failure(
                        "a route to receiver \"\(route.receiver)\" repeats after "
                            + "\(route.repeatInterval / 1_000_000_000)s, its alertmanager_configs let "
                            + "alerts end before that: raise expires_after")
                }
            }
        }
    }

    private static func templates(
        _ fields: ConfigFields, _ path: String
    ) throws(NotifierConfigError) -> NotificationTemplates {
        var templates = NotificationTemplates()
        do throws(TemplateError) {
            try templates.add(DefaultTemplates.text)
        } catch {
            throw NotifierConfigError(path: path, reason: "BUG: default templates: \(error)")
        }
        let folder = (path as NSString).deletingLastPathComponent
        for element in try fields["templates"]?.elements() ?? [] {
            let pattern = try element.text()
            let whole = pattern.hasPrefix("/") || folder.isEmpty ? pattern : "\(folder)/\(pattern)"
            for file in PathPattern.paths(whole) {
                let text: String
                do {
                    text = try String(contentsOfFile: file, encoding: .utf8)
                } catch {
                    throw element.failure("cannot read the template \(file)")
                }
                do throws(TemplateError) {
                    try templates.add(text)
                } catch {
                    throw NotifierConfigError(path: file, line: error.line, reason: error.reason)
                }
            }
        }
        return templates
    }
}

/// The configuration as people may see it.
private enum ShownConfig {
    private static let secrets: Set<String> = [
        "smtp_auth_password", "smtp_auth_secret", "auth_password", "auth_secret", "slack_api_url",
        "slack_app_token", "app_token", "webhook_url", "opsgenie_api_key", "api_key",
        "telegram_bot_token", "bot_token", "routing_key", "service_key", "password",
        "bearer_token", "credentials", "signing_secret",
    ]

    static func text(of root: Node, _ path: String) throws(NotifierConfigError) -> String {
        do {
            return try Yams.serialize(node: shown(root, key: "", parent: ""))
        } catch {
            throw NotifierConfigError(path: path, reason: "cannot be shown as YAML")
        }
    }

    private static func shown(_ node: Node, key: String, parent: String) -> Node {
        switch node {
        case .mapping(var mapping):
            for (name, value) in mapping {
                mapping[name] = shown(
                    value, key: name.string ?? "", parent: key.isEmpty ? parent : key)
            }
            return .mapping(mapping)
        case .sequence(var sequence):
            for index in sequence.indices {
                sequence[index] = shown(sequence[index], key: "", parent: key)
            }
            return .sequence(sequence)
        case .scalar(let scalar):
            if secrets.contains(key) || key == "api_url" && parent == "slack_configs" {
                return Node("<secret>")
            }
            // Other addresses may hold secrets in part.
            if key == "url", scalar.string.contains("://") {
                let parts = URLComponents(string: scalar.string)
                if parts?.user != nil || parts?.query != nil || (parts?.path.count ?? 0) > 1 {
                    let port = parts?.port.map { ":\($0)" } ?? ""
                    return Node(
                        "\(parts?.scheme ?? "http")://\(parts?.host ?? "")\(port)/<secret>")
                }
            }
            return node
        case .alias: return node
        }
    }
}
