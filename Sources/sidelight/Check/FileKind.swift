import Foundation
import Notifier
import Proxy
import Receivers
import Rules
import Yams

/// What a file is, by the keys of its first document.
enum FileKind: Equatable {
    case settings, scrapeJobs, proxy, rules, ruleTests, objectives, samplingPolicies, notifications

    private static let objectiveVersions = ["sloth.slok.dev/", "openslo/", "pyrra.dev/"]

    /// - Throws: `ConfigurationError` that names the file, and the line where there is one.
    init(of text: String, path: String) throws {
        let root: Node?
        do {
            var documents = try Yams.compose_all(yaml: text)
            root = documents.next()
            if root == nil, let error = documents.error { throw error }
        } catch let error as YamlError {
            let place = error.line > 0 ? ":\(error.line)" : ""
            throw ConfigurationError(description: "\(path)\(place): \(error.problem)")
        } catch {
            throw ConfigurationError(description: "\(path): not readable as YAML")
        }
        guard let root else { throw ConfigurationError(description: "\(path): the file is empty") }
        guard let mapping = root.mapping else {
            throw ConfigurationError(
                description: "\(path):\(root.mark?.line ?? 1): expected a mapping of keys to values"
            )
        }
        let keys = Set(mapping.keys.compactMap(\.string))
        let version = mapping["apiVersion"]?.string ?? ""
        if mapping["version"]?.string == "prometheus/v1" {
            self = .objectives
        } else if Self.objectiveVersions.contains(where: { version.hasPrefix($0) }) {
            self = .objectives
        } else if !version.isEmpty || keys.contains("kind") {
            let kind = mapping["kind"]?.string ?? ""
            throw ConfigurationError(
                description:
                    "\(path):\(root.mark?.line ?? 1): \(kind) of \(version) is nothing that "
                    + "this program reads")
        } else if keys.contains("route") {
            self = .notifications
        } else if keys.contains("groups") {
            self = .rules
        } else if keys.contains("tests") || keys.contains("rule_files") && !keys.contains("global")
        {
            self = keys.contains("scrape_configs") ? .scrapeJobs : .ruleTests
        } else if keys.contains("scrape_configs") || keys.contains("global") {
            self = .scrapeJobs
        } else if keys.contains("policies") {
            self = .samplingPolicies
        } else if keys.contains("listeners") || keys.contains("clusters") {
            self = .proxy
        } else {
            self = .settings
        }
    }

    /// Reads the file as what it is and says what was in it.
    /// - Throws: the first mistake, with file and line.
    func check(_ text: String, _ path: String, _ lint: inout RuleLint) throws -> String {
        switch self {
        case .rules:
            let file = try RuleFile.parse(text, path: path)
            lint.look(at: file)
            let count = file.groups.reduce(0) { $0 + $1.rules.count }
            return "\(count) rules in \(file.groups.count) groups"
        case .ruleTests:
            let file = try RuleTestFile.parse(text, path: path)
            return "tests of \(file.ruleFiles.count) rule files"
        case .scrapeJobs:
            let file = try ScrapeFile.parse(text, path: path)
            let others =
                file.ignored.isEmpty ? "" : "; not used: \(file.ignored.joined(separator: ", "))"
            return "\(file.jobs.count) scrape jobs\(others)"
        case .proxy:
            let proxy = try ProxyConfiguration(yaml: text, file: path)
            return "a proxy with \(proxy.listeners.count) listeners"
        case .settings:
            let settings = try Settings(flags: [:], environment: [:], file: path)
            _ = try ServeConfiguration(settings)
            return "settings of serve"
        case .notifications:
            let config = try AlertmanagerConfig.parse(
                text, path: path, environment: ProcessInfo.processInfo.environment,
                allowsExec: true)
            return "\(config.route.all.count) routes to \(config.receivers.count) receivers"
        case .objectives: return "objectives"
        case .samplingPolicies: return try PolicyFile.parse(text, path: path).summary
        }
    }
}
