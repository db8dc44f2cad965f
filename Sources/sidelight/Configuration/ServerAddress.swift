import Foundation

/// The server that a command talks to, and the token that it wants.
struct ServerAddress {
    /// Without a slash at the end.
    var url: String
    var token: String?

    /// From the settings `server` and `token-file`.
    init(_ settings: Settings) throws {
        var url = try settings.string("server", default: "http://127.0.0.1:7070")
        guard url.hasPrefix("http://") || url.hasPrefix("https://"), URL(string: url) != nil else {
            throw ConfigurationError(
                description: "server is \"\(url)\", expected a URL such as http://127.0.0.1:7070")
        }
        while url.hasSuffix("/") { url.removeLast() }
        self.url = url
        token = try settings.optional("token-file").map { try Self.token(in: $0) }
    }

    /// From a command's flags `--server` and `--token-file`, else from the environment.
    ///
    /// - Throws: `ConfigurationError`.
    init(server: String?, tokenFile: String?) throws {
        try self.init(
            Settings(
                flags: [
                    "server": server.map { [$0] } ?? [],
                    "token-file": tokenFile.map { [$0] } ?? [],
                ], environment: ProcessInfo.processInfo.environment, file: nil))
    }

    /// The first token of a file as `serve --token-file` reads it.
    private static func token(in path: String) throws -> String {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw ConfigurationError(
                description: "cannot read --token-file \(path): \(error.localizedDescription)")
        }
        let lines = text.split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }
        guard let token = lines.first(where: { !$0.isEmpty && !$0.hasPrefix("#") }) else {
            throw ConfigurationError(description: "the token file \(path) holds no token")
        }
        return token
    }
}
