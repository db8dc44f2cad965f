import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// Where a token for targets comes from (`oauth2`): client credentials (RFC 6749 §4.4).
package struct ScrapeOAuth: Sendable, Hashable {
    package var clientID = ""
    package var secret = ScrapeAccess.Secret.text("")
    package var scopes: [String] = []
    package var tokenURL = ""
    package var parameters: [String: String] = [:]
    package var tls: ScrapeTLS?
    package var proxy: ScrapeProxy?

    package init() {}

    /// How the server of tokens is reached: it is shown the client's secret.
    var access: ScrapeAccess {
        var access = ScrapeAccess()
        access.tls = tls
        access.proxy = proxy
        return access
    }

    func request() throws(ScrapeFailure) -> HTTPClientRequest {
        var fields = [("grant_type", "client_credentials")]
        if !scopes.isEmpty { fields.append(("scope", scopes.joined(separator: " "))) }
        fields += parameters.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        let body = fields.map { "\($0.0)=\(ScrapeTarget.encoded($0.1))" }.joined(separator: "&")
        var request = HTTPClientRequest(url: tokenURL)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
        request.headers.add(name: "accept", value: "application/json")
        // Both are form-encoded before they become a password (RFC 6749 §2.3.1).
        request.setBasicAuth(
            username: ScrapeTarget.encoded(clientID),
            password: ScrapeTarget.encoded(try secret.trimmed()))
        request.body = .bytes(ByteBuffer(string: body))
        return request
    }
}

/// A token with the time from which it should be renewed.
struct ScrapeToken: Sendable {
    var value: String
    /// Milliseconds of a clock that only goes forward; `nil` never ends.
    var end: Int64?

    private struct Answer: Decodable {
        enum CodingKeys: String, CodingKey {
            case token = "access_token"
            case type = "token_type"
            case seconds = "expires_in"
        }

        var token: String?
        var type: String?
        var seconds: Double?
    }

    /// Renewed this much before it ends: the clocks differ, and the target has to be asked still.
    private static let margin = 10.0

    /// - Parameter body: what the server of tokens answered.
    init(_ body: [UInt8], at now: Int64, from url: String) throws(ScrapeFailure) {
        let answer: Answer
        do { answer = try JSONDecoder().decode(Answer.self, from: Data(body)) } catch {
            throw ScrapeFailure("\(url) answered no token: \(error)")
        }
        guard let token = answer.token, !token.isEmpty else {
            throw ScrapeFailure("\(url) answered no access_token")
        }
        let type = answer.type ?? ""
        let isBearer = type.isEmpty || type.lowercased() == "bearer"
        value = (isBearer ? "Bearer" : type) + " " + token
        end = answer.seconds.flatMap { seconds in
            seconds > 0 && seconds < 1e9
                ? now + Int64(max(1, seconds - Self.margin) * 1_000) : nil
        }
    }
}

/// Tokens that still hold, by who gave them.
final class ScrapeTokens: Sendable {
    private let tokens = Mutex<[ScrapeOAuth: ScrapeToken]>([:])

    func token(of source: ScrapeOAuth, at now: Int64) -> String? {
        tokens.withLock { tokens in
            guard let token = tokens[source], token.end.map({ now < $0 }) ?? true else {
                return nil
            }
            return token.value
        }
    }

    func keep(_ token: ScrapeToken, of source: ScrapeOAuth) {
        tokens.withLock { $0[source] = token }
    }

    /// A target did not take it.
    func forget(_ source: ScrapeOAuth) { tokens.withLock { $0[source] = nil } }
}

extension ScrapeOAuth {
    init(_ node: ScrapeFileNode, _ folder: String) throws(ScrapeFileError) {
        self.init()
        var access = ScrapeAccess()
        for (key, value) in try node.entries() {
            switch key {
            case "client_id": clientID = try value.text()
            case "client_secret": secret = .text(try value.text())
            case "client_secret_file": secret = .file(folder.resolving(try value.text()))
            case "scopes": scopes = try value.texts()
            case "token_url": tokenURL = try value.text()
            case "endpoint_params":
                for (name, text) in try value.entries() { parameters[name] = try text.text() }
            case "tls_config", "proxy_url", "no_proxy":
                _ = try access.read(key, value, folder)
            default: throw value.failure("\(value.what) is not supported")
            }
        }
        tls = access.tls
        proxy = access.proxy
        guard !clientID.isEmpty else { throw node.failure("\(node.what) needs a client_id") }
        guard tokenURL.hasPrefix("http://") || tokenURL.hasPrefix("https://") else {
            throw node.failure(
                "\(node.what) needs a token_url that starts with http:// or https://")
        }
    }
}
