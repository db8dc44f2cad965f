import Foundation
import Rules
import Yams

/// The fields of a mapping, each read as what it must be.
struct ConfigFields {
    let parent: ConfigNode
    let values: [String: ConfigNode]

    /// The node unless it is left out or null.
    subscript(name: String) -> ConfigNode? {
        guard let node = values[name], !node.isNull else { return nil }
        return node
    }

    func failure(_ reason: String) -> NotifierConfigError { parent.failure(reason) }

    func text(_ name: String, default: String = "") throws(NotifierConfigError) -> String {
        try self[name]?.text() ?? `default`
    }

    func flag(_ name: String, default: Bool = false) throws(NotifierConfigError) -> Bool {
        try self[name]?.flag() ?? `default`
    }

    func duration(_ name: String) throws(NotifierConfigError) -> Int64? {
        try self[name]?.duration()
    }

    func texts(_ name: String) throws(NotifierConfigError) -> [String] {
        guard let node = self[name] else { return [] }
        var texts: [String] = []
        for element in try node.elements() { texts.append(try element.text()) }
        return texts
    }

    /// A text with actions in it, checked.
    func template(_ name: String, default: String = "") throws(NotifierConfigError) -> String {
        guard let node = values[name] else { return `default` }
        return try node.template()
    }

    /// Texts with actions by name.
    func templates(_ name: String) throws(NotifierConfigError) -> [String: String] {
        var found: [String: String] = [:]
        for (key, node) in try self[name]?.texts() ?? [] { found[key] = try node.template() }
        return found
    }

    /// A secret, inline or in the file that `NAME_file` names.
    func secret(_ name: String) throws(NotifierConfigError) -> Secret? {
        let file = try self[name + "_file"]?.text()
        guard let node = self[name] else { return file.map { .file($0) } }
        guard file == nil else {
            throw failure("at most one of \(name) & \(name)_file must be configured")
        }
        return try node.secret()
    }

    /// An address of HTTP, not secret.
    func url(_ name: String) throws(NotifierConfigError) -> String? {
        guard let node = self[name] else { return nil }
        let text = try node.text()
        try node.checkURL(text)
        return text
    }

    /// An address that is a secret.
    func secretURL(_ name: String) throws(NotifierConfigError) -> Secret? {
        let secret = try secret(name)
        if case .inline(let text)? = secret { try self[name]?.checkURL(text) }
        return secret
    }
}

extension ConfigNode {
    func template() throws(NotifierConfigError) -> String {
        let text = try text()
        do throws(TemplateError) {
            try NotificationTemplates.check(text)
        } catch {
            throw failure("template of \(what): \(error.reason)")
        }
        return text
    }

    /// Written out, or `${env:NAME}` for what that variable holds.
    func secret() throws(NotifierConfigError) -> Secret {
        let text = try text()
        guard text.hasPrefix("${env:"), text.hasSuffix("}") else { return .inline(text) }
        let name = String(text.dropFirst(6).dropLast())
        guard let value = surroundings.environment[name] else {
            throw failure("\(what) names the environment variable \(name), which is not set")
        }
        return .inline(value)
    }

    /// Does not repeat the text, which may be secret.
    func checkURL(_ text: String) throws(NotifierConfigError) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https"
        else { throw failure("unsupported scheme for URL (\(what)): http or https is expected") }
        guard let host = parts.host, !host.isEmpty else {
            throw failure("missing host for URL (\(what))")
        }
    }
}

/// Something that is never printed.
package enum Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    case inline(String)
    /// Read whenever it is needed, so that it can be replaced while the server runs.
    case file(String)

    package var description: String { "<secret>" }
    package var debugDescription: String { description }

    /// - Throws: `SecretError` with the file's name.
    func value() throws(SecretError) -> String {
        switch self {
        case .inline(let text): return text
        case .file(let path):
            do {
                return try String(contentsOfFile: path, encoding: .utf8)
                    .trimmingCharacters(in: .whitespacesAndNewlines)
            } catch {
                throw SecretError(path: path)
            }
        }
    }
}

/// A file with a secret in it cannot be read.
struct SecretError: Error, CustomStringConvertible {
    var path: String
    var description: String { "cannot read the secret in \(path)" }
}
