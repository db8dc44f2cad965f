import Foundation
import Platform
import Telemetry

/// `email_configs`: a mail by SMTP (notify/email/email.go).
struct EmailIntegration: IntegrationSettings {
    static let kind = "email"
    static let fields = [
        "send_resolved", "to", "from", "hello", "smarthost", "auth_username", "auth_password",
        "auth_password_file", "auth_identity", "headers", "html", "text", "require_tls",
        "tls_config", "force_implicit_tls", "timeout",
    ]
    static let refused = [
        "auth_secret": "CRAM-MD5 is not spoken; give an auth_password",
        "auth_secret_file": "CRAM-MD5 is not spoken; give an auth_password_file",
        "threading": "every notification is a mail of its own",
    ]

    private let connection: SMTPConnection
    private let to: String
    private let from: String
    private let hello: String
    private let user: String
    private let password: Secret?
    private let identity: String
    private let requiresTLS: Bool
    private let headers: [String: String]
    private let html: String
    private let text: String
    private let timeout: Duration

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        to = try fields.template("to")
        if to.isEmpty { throw fields.failure("missing to address in email config") }
        guard let smarthost = try fields["smarthost"]?.hostAndPort() ?? global.mail.smarthost else {
            throw fields.failure("no global SMTP smarthost set")
        }
        from = try fields.template("from", default: global.mail.from)
        if from.isEmpty { throw fields.failure("no global SMTP from set") }
        hello = try fields.text("hello", default: global.mail.hello)
        user = try fields.text("auth_username", default: global.mail.user)
        password = try fields.secret("auth_password") ?? global.mail.password
        identity = try fields.text("auth_identity", default: global.mail.identity)
        requiresTLS = try fields.flag("require_tls", default: global.mail.requiresTLS)
        let tls =
            try fields["tls_config"].map { node throws(NotifierConfigError) in try TLSOptions(node)
            }
            ?? global.mail.tls
        let implicit = try fields["force_implicit_tls"]?.flag() ?? global.mail.isImplicit
        connection = SMTPConnection(
            host: smarthost.host, port: smarthost.port, tls: tls,
            isImplicit: implicit ?? (smarthost.port == 465))
        headers = try Self.headers(fields)
        html = try fields.template("html", default: "{{ template \"email.default.html\" . }}")
        text = try fields.template("text")
        timeout = try fields.duration("timeout").map { .nanoseconds($0) } ?? .seconds(30)
    }

    /// Names in their usual form; a name that stands twice in different cases is a mistake.
    private static func headers(
        _ fields: ConfigFields
    ) throws(NotifierConfigError) -> [String: String] {
        var headers: [String: String] = [:]
        for (name, value) in try fields.templates("headers") {
            let usual = name.split(separator: "-", omittingEmptySubsequences: false).map {
                $0.prefix(1).uppercased() + $0.dropFirst().lowercased()
            }.joined(separator: "-")
            guard headers.updateValue(value, forKey: usual) == nil else {
                throw fields.failure("duplicate header \"\(usual)\" in email config")
            }
            guard usual.utf8.allSatisfy({ (33...126).contains($0) && $0 != 58 }) else {
                throw fields.failure("\"\(usual)\" is no name of a header")
            }
        }
        return headers
    }

    var address: String { "\(connection.host):\(connection.port)" }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        do {
            let envelope = try envelope(message, carrier, now)
            let result = try await HTTPCarrier.within(timeout) { [connection] in
                SendResult.accepted(status: 250, missed: try await connection.send(envelope))
            }
            return result ?? .transient(reason: "the mail server is not done within \(timeout)")
        } catch let trouble as SendTrouble {
            return trouble.result
        } catch {
            return .transient(reason: "\(error)")
        }
    }

    private func envelope(
        _ message: GroupMessage, _ carrier: Carrier, _ now: Timestamp
    ) throws(SendTrouble) -> SMTPDialogue.Envelope {
        let writer = carrier.writer(message, at: now)
        let (from, to) = (try writer.text(from), try writer.text(to))
        let token =
            String(carrier.random.next(), radix: 16) + String(carrier.random.next(), radix: 16)
        var values = try writer.texts(headers)
        let subject = headers["Subject"] ?? "{{ template \"email.default.subject\" . }}"
        values["Subject"] = try writer.text(subject)
        values["To"] = values["To"] ?? to
        values["From"] = values["From"] ?? from
        values["Date"] = values["Date"] ?? MailMessage.date(now)
        let host = hello.isEmpty ? "localhost" : hello
        values["Message-Id"] = values["Message-Id"] ?? "<\(token)@\(host)>"
        let mail = MailMessage(
            headers: values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
            text: try writer.text(text), html: try writer.text(html, isHTML: true),
            boundary: "sidelight-\(token)")
        return SMTPDialogue.Envelope(
            hello: host, from: Self.address(from),
            recipients: MailAddresses.split(to).map(Self.address),
            message: mail.bytes, requiresTLS: requiresTLS, user: user, identity: identity,
            password: try password?.read(), host: connection.host)
    }

    /// The part between angle brackets, if there are any.
    private static func address(_ text: String) -> String {
        if let start = text.lastIndex(of: "<"), let end = text.lastIndex(of: ">"), start < end {
            return String(text[text.index(after: start)..<end])
        }
        let bare = text.prefix { $0 != "(" }
        return bare.trimmingCharacters(in: .whitespaces)
    }
}

extension ConfigNode {
    /// `HOST:PORT`.
    func hostAndPort() throws(NotifierConfigError) -> (host: String, port: Int) {
        let text = try text()
        guard let colon = text.lastIndex(of: ":") else {
            throw failure("\(what): missing port in address")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        let named = ["smtp": 25, "smtps": 465, "submission": 587]
        let word = String(text[text.index(after: colon)...])
        guard !word.isEmpty else { throw failure("\(what): port in address cannot be empty") }
        guard let port = UInt16(word).map(Int.init) ?? named[word] else {
            throw failure("\(what): the port in the address is none")
        }
        return (String(host), port)
    }
}
