import Foundation
import Telemetry

/// `slack_configs`: a message with one attachment, to an incoming webhook or by an app's token
/// (notify/slack/slack.go).
struct SlackIntegration: IntegrationSettings {
    static let kind = "slack"
    static let fields = [
        "send_resolved", "http_config", "api_url", "api_url_file", "app_token", "app_token_file",
        "app_url", "channel", "username", "color", "title", "title_link", "pretext", "text",
        "message_text", "fields", "short_fields", "footer", "fallback", "callback_id", "icon_emoji",
        "icon_url", "image_url", "thumb_url", "link_names", "mrkdwn_in", "actions", "timeout",
    ]
    static let refused = ["update_message": "every notification is a message of its own"]
    /// Slack shows no more of a title.
    private static let titleMax = 1_024

    private let url: Secret
    private let http: HTTPOptions
    private let timeout: Duration?
    /// Templates by the name of the field.
    private let texts: [String: String]
    private let linksNames: Bool
    private let markdownIn: [String]
    private let attachmentFields: [SlackField]
    private let actions: [SlackAction]

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        var http = try fields.http(global)
        let token = try fields.secret("app_token")
        let own = try fields.secretURL("api_url")
        if own != nil, token != nil {
            throw fields.failure(
                "at most one of api_url/api_url_file & app_token/app_token_file must be configured")
        }
        let appToken = own == nil && http.credentials == nil ? token ?? global.slackAppToken : token
        if let appToken {
            guard http.credentials == nil else {
                throw fields.failure("http authorization can't be set when using Slack App tokens")
            }
            http.credentials = .token(type: "Bearer", appToken)
            url = .inline(try fields.url("app_url") ?? global.slackAppURL)
        } else if let found = own ?? global.slackURL {
            url = found
        } else {
            throw fields.failure("no Slack API URL nor App token set either inline or in a file")
        }
        self.http = http
        timeout = try fields.timeout()
        texts = try Self.templates(fields)
        linksNames = try fields.flag("link_names")
        let markdown = try fields.texts("mrkdwn_in")
        markdownIn = markdown.isEmpty ? ["fallback", "pretext", "text"] : markdown
        let isShort = try fields.flag("short_fields")
        var attachmentFields: [SlackField] = []
        for node in try fields["fields"]?.elements() ?? [] {
            attachmentFields.append(try SlackField(node, isShort: isShort))
        }
        self.attachmentFields = attachmentFields
        var actions: [SlackAction] = []
        for node in try fields["actions"]?.elements() ?? [] {
            actions.append(try SlackAction(node))
        }
        self.actions = actions
    }

    private static func templates(_ fields: ConfigFields) throws(NotifierConfigError) -> [String:
        String]
    {
        var texts: [String: String] = [:]
        for (name, standard) in [
            ("color", "color"), ("username", "username"), ("title", "title"),
            ("title_link", "titlelink"), ("pretext", "pretext"), ("text", "text"),
            ("fallback", "fallback"), ("callback_id", "callbackid"), ("icon_emoji", "iconemoji"),
            ("icon_url", "iconurl"), ("footer", "footer"),
        ] {
            texts[name] = try fields.template(
                name, default: "{{ template \"slack.default.\(standard)\" . }}")
        }
        for name in ["channel", "message_text", "image_url", "thumb_url"] {
            texts[name] = try fields.template(name)
        }
        return texts
    }

    var address: String { url.shownAddress }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        await carrier.post(
            { () throws(SendTrouble) -> [OutgoingRequest] in
                [try url.request(try body(carrier.writer(message, at: now)).bytes)]
            }, http, timeout: timeout, at: now, judge: Self.judge)
    }

    func body(_ writer: MessageWriter) throws(SendTrouble) -> JSONBody {
        func text(_ name: String) throws(SendTrouble) -> JSONBody {
            .text(try writer.text(texts[name] ?? ""))
        }
        var fieldBodies: [JSONBody] = []
        for field in attachmentFields { fieldBodies.append(try field.body(writer)) }
        var actionBodies: [JSONBody] = []
        for action in actions { actionBodies.append(try action.body(writer)) }
        let title = try writer.text(texts["title"] ?? "", atMost: Self.titleMax)
        // As Alertmanager sends it: these four also when they are empty.
        let attachment = JSONBody.filled(
            [
                ("title", .text(title)), ("title_link", try text("title_link")),
                ("pretext", try text("pretext")), ("text", try text("text")),
                ("fallback", try text("fallback")), ("callback_id", try text("callback_id")),
                ("fields", .list(fieldBodies)), ("actions", .list(actionBodies)),
                ("image_url", try text("image_url")), ("thumb_url", try text("thumb_url")),
                ("footer", try text("footer")), ("color", try text("color")),
                ("mrkdwn_in", .list(markdownIn.map { .text($0) })),
            ], keeping: ["text", "fallback", "callback_id", "footer"])
        var members: [(String, JSONBody)] = [
            ("channel", try text("channel")), ("username", try text("username")),
            ("icon_emoji", try text("icon_emoji")), ("icon_url", try text("icon_url")),
        ]
        if linksNames { members.append(("link_names", .flag(true))) }
        members.append(("text", try text("message_text")))
        members.append(("attachments", .list([attachment])))
        return .filled(members)
    }

    /// Slack refuses with 200 as well: in JSON by `ok`, in text by anything but `ok`.
    private static func judge(_ reply: HTTPReply) -> SendResult? {
        struct Answer: Decodable {
            var ok: Bool
            var error: String?
        }
        guard reply.contentType.hasPrefix("application/json") else {
            return reply.text == "ok"
                ? nil : .permanent(reason: "error response from Slack: \(reply.text.prefix(200))")
        }
        do {
            let answer = try JSONDecoder().decode(Answer.self, from: Data(reply.body))
            return answer.ok
                ? nil : .permanent(reason: "error response from Slack: \(answer.error ?? "")")
        } catch {
            return .transient(reason: "could not unmarshal JSON response of Slack")
        }
    }
}

/// A table entry of an attachment.
private struct SlackField {
    let title: String
    let value: String
    let isShort: Bool

    init(_ node: ConfigNode, isShort: Bool) throws(NotifierConfigError) {
        let fields = try node.fields(["title", "value", "short"], type: "config.plain")
        title = try fields.template("title")
        value = try fields.template("value")
        if title.isEmpty { throw node.failure("missing title in Slack field configuration") }
        if value.isEmpty { throw node.failure("missing value in Slack field configuration") }
        self.isShort = try fields.flag("short", default: isShort)
    }

    func body(_ writer: MessageWriter) throws(SendTrouble) -> JSONBody {
        .object([
            ("title", .text(try writer.text(title))), ("value", .text(try writer.text(value))),
            ("short", .flag(isShort)),
        ])
    }
}

/// A button of an attachment.
private struct SlackAction {
    let texts: [(String, String)]
    let confirmation: [(String, String)]

    init(_ node: ConfigNode) throws(NotifierConfigError) {
        let fields = try node.fields(
            ["type", "text", "url", "style", "name", "value", "confirm"], type: "config.plain")
        var texts: [(String, String)] = []
        for name in ["type", "text", "url", "style", "name", "value"] {
            texts.append((name, try fields.template(name)))
        }
        func value(_ name: String) -> String { texts.first { $0.0 == name }?.1 ?? "" }
        if value("type").isEmpty {
            throw node.failure("missing type in Slack action configuration")
        }
        if value("text").isEmpty {
            throw node.failure("missing text in Slack action configuration")
        }
        let isLink = !value("url").isEmpty
        if !isLink, value("name").isEmpty {
            throw node.failure("missing name or url in Slack action configuration")
        }
        // A link takes no message action with it.
        self.texts = texts.filter { isLink ? !["name", "value"].contains($0.0) : $0.0 != "url" }
        guard !isLink, let confirm = fields["confirm"] else {
            confirmation = []
            return
        }
        let inner = try confirm.fields(
            ["text", "title", "ok_text", "dismiss_text"], type: "config.plain")
        if try inner.text("text").isEmpty {
            throw confirm.failure("missing text in Slack confirmation configuration")
        }
        var confirmation: [(String, String)] = []
        for name in ["text", "title", "ok_text", "dismiss_text"] {
            confirmation.append((name, try inner.template(name)))
        }
        self.confirmation = confirmation
    }

    func body(_ writer: MessageWriter) throws(SendTrouble) -> JSONBody {
        var members: [(String, JSONBody)] = []
        for (name, source) in texts { members.append((name, .text(try writer.text(source)))) }
        var inner: [(String, JSONBody)] = []
        for (name, source) in confirmation { inner.append((name, .text(try writer.text(source)))) }
        members.append(("confirm", .filled(inner)))
        return .filled(members)
    }
}
