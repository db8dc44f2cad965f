import Foundation
import Platform
import Rules
import Telemetry

/// One way in which a receiver is told: an entry of `slack_configs` and the like.
package struct Integration: Sendable {
    /// The receiver's name in the configuration.
    package let receiver: String
    /// Position among the receiver's integrations of this kind.
    package let index: Int
    package let sendsResolved: Bool
    let settings: any IntegrationSettings

    package var kind: String { type(of: settings).kind }
    /// Its name in the outbox and in the notification log: the same after a restart.
    package var key: String { "\(receiver)/\(kind)[\(index)]" }
    /// Where it goes, without secrets.
    package var address: String { settings.address }
}

/// What an integration is told by its configuration, and how it sends.
protocol IntegrationSettings: Sendable {
    /// `slack`.
    static var kind: String { get }
    /// For people; holds no secret.
    var address: String { get }
    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult
}

/// Why a message was not sent.
enum SendTrouble: Error {
    case transient(String)
    case permanent(String)

    var result: SendResult {
        switch self {
        case .transient(let reason): .transient(reason: reason)
        case .permanent(let reason): .permanent(reason: reason)
        }
    }
}

/// What sending takes besides the settings.
package struct Carrier: Sendable {
    var http: HTTPCarrier
    package var templates: NotificationTemplates
    var random: any RandomSource

    package init(http: HTTPCarrier, templates: NotificationTemplates, random: any RandomSource) {
        self.http = http
        self.templates = templates
        self.random = random
    }

    /// Makes requests and sends them one after the other; the first that fails decides.
    /// - Parameters:
    ///   - timeout: of each of them; `nil` is the standard.
    ///   - judge: looks at answers of 2xx that may be refusals all the same.
    func post(
        _ requests: () throws(SendTrouble) -> [OutgoingRequest], _ options: HTTPOptions,
        timeout: Duration? = nil, at now: Timestamp,
        judge: (HTTPReply) -> SendResult? = { _ in nil }
    ) async -> SendResult {
        do throws(SendTrouble) {
            var result = SendResult.accepted(status: 200)
            for request in try requests() {
                result = await send(
                    request, options, timeout ?? http.standardTimeout, now, judge)
                guard case .accepted = result else { return result }
            }
            return result
        } catch {
            return error.result
        }
    }

    private func send(
        _ request: OutgoingRequest, _ options: HTTPOptions, _ timeout: Duration, _ now: Timestamp,
        _ judge: (HTTPReply) -> SendResult?
    ) async -> SendResult {
        do throws(CarrierFailure) {
            let reply = try await http.exchange(request, options, timeout: timeout)
            let result = WebhookAnswer.result(
                status: reply.status, retryAfter: reply.retryAfter, now: now)
            guard case .accepted = result else { return result.explained(by: reply) }
            return judge(reply) ?? result
        } catch {
            return .transient(reason: error.description)
        }
    }

    /// Expands templates of one message.
    func writer(_ message: GroupMessage, at now: Timestamp) -> MessageWriter {
        MessageWriter(templates: templates, data: message.data, now: now)
    }
}

extension SendResult {
    /// With the first line of what was answered.
    fileprivate func explained(by reply: HTTPReply) -> SendResult {
        let line = reply.text.split(whereSeparator: \.isNewline).first.map { ": \($0.prefix(200))" }
        switch self {
        case .accepted: return self
        case .transient(let reason, let pause):
            return .transient(reason: reason + (line ?? ""), retryAfter: pause)
        case .permanent(let reason): return .permanent(reason: reason + (line ?? ""))
        }
    }
}

/// Texts of one message.
struct MessageWriter {
    let templates: NotificationTemplates
    let data: TemplateData
    let now: Timestamp

    func text(_ source: String, isHTML: Bool = false) throws(SendTrouble) -> String {
        do throws(TemplateError) {
            return try templates.text(source, of: data, isHTML: isHTML, now: now)
        } catch {
            throw .permanent("template: \(error.reason)")
        }
    }

    /// At most so many characters, the last an ellipsis.
    func text(_ source: String, atMost count: Int) throws(SendTrouble) -> String {
        let text = try text(source)
        guard text.unicodeScalars.count > count else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.prefix(count - 1))) + "…"
    }

    func texts(_ sources: [String: String]) throws(SendTrouble) -> [String: String] {
        var texts: [String: String] = [:]
        for (name, source) in sources { texts[name] = try text(source) }
        return texts
    }

    /// Parts between commas that are not empty.
    func parts(_ source: String) throws(SendTrouble) -> [String] {
        try text(source).trimmingCharacters(in: .whitespacesAndNewlines).split(separator: ",")
            .map(String.init)
    }
}

extension Secret {
    /// What it is now; a file that cannot be read may be there the next time.
    func read() throws(SendTrouble) -> String {
        do throws(SecretError) {
            return try value()
        } catch {
            throw .transient(error.description)
        }
    }

    /// An address shown without what may be secret in it.
    var shownAddress: String {
        switch self {
        case .file(let path): return "the address in \(path)"
        case .inline(let text):
            do throws(WebhookURL.Invalid) {
                return try WebhookURL(text).description
            } catch {
                return "an address"
            }
        }
    }

    /// A request to this address; a name and password in it become a header.
    func request(_ body: [UInt8]) throws(SendTrouble) -> OutgoingRequest {
        let text = try read()
        do throws(WebhookURL.Invalid) {
            let url = try WebhookURL(text)
            var request = OutgoingRequest(url: url.requested, body: body)
            if let authorization = url.authorization {
                request.headers.append((name: "authorization", value: authorization))
            }
            return request
        } catch {
            throw .permanent(error.description)
        }
    }
}
