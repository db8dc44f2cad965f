import Telemetry

/// `msteams_configs`: a card for an Office 365 connector (notify/msteams/msteams.go).
struct TeamsIntegration: IntegrationSettings {
    static let kind = "msteams"
    static let fields = [
        "send_resolved", "http_config", "webhook_url", "webhook_url_file", "title", "summary",
        "text",
    ]

    private let url: Secret
    private let http: HTTPOptions
    private let title: String
    private let summary: String
    private let text: String

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        url = try fields.webhookURL()
        http = try fields.http(global)
        title = try fields.template("title", default: "{{ template \"msteams.default.title\" . }}")
        summary = try fields.template(
            "summary", default: "{{ template \"msteams.default.summary\" . }}")
        text = try fields.template("text", default: "{{ template \"msteams.default.text\" . }}")
    }

    var address: String { url.shownAddress }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        await carrier.post(
            { () throws(SendTrouble) -> [OutgoingRequest] in
                let writer = carrier.writer(message, at: now)
                let body = JSONBody.object([
                    ("@context", .text("http://schema.org/extensions")),
                    ("type", .text("MessageCard")), ("title", .text(try writer.text(title))),
                    ("summary", .text(try writer.text(summary))),
                    ("text", .text(try writer.text(text))),
                    ("themeColor", .text(message.isFiring ? "8C1A1A" : "2DC72D")),
                ])
                return [try url.request(body.bytes)]
            }, http, at: now)
    }
}

/// `msteamsv2_configs`: an adaptive card for a workflow (notify/msteamsv2/msteamsv2.go).
struct TeamsWorkflowIntegration: IntegrationSettings {
    static let kind = "msteamsv2"
    static let fields = [
        "send_resolved", "http_config", "webhook_url", "webhook_url_file", "title", "text",
    ]

    private let url: Secret
    private let http: HTTPOptions
    private let title: String
    private let text: String

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        url = try fields.webhookURL()
        http = try fields.http(global)
        title = try fields.template(
            "title", default: "{{ template \"msteamsv2.default.title\" . }}")
        text = try fields.template("text", default: "{{ template \"msteamsv2.default.text\" . }}")
    }

    var address: String { url.shownAddress }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        await carrier.post(
            { () throws(SendTrouble) -> [OutgoingRequest] in
                let writer = carrier.writer(message, at: now)
                return [
                    try url.request(
                        Self.card(
                            title: try writer.text(title), text: try writer.text(text),
                            color: message.isFiring ? "Attention" : "Good"
                        ).bytes)
                ]
            }, http, at: now)
    }

    private static func card(title: String, text: String, color: String) -> JSONBody {
        let head = JSONBody.object([
            ("type", .text("TextBlock")), ("text", .text(title)), ("weight", .text("Bolder")),
            ("size", .text("Medium")), ("wrap", .flag(true)), ("style", .text("heading")),
            ("color", .text(color)),
        ])
        let body = JSONBody.object([
            ("type", .text("TextBlock")), ("text", .text(text)), ("wrap", .flag(true)),
        ])
        let content = JSONBody.object([
            ("$schema", .text("http://adaptivecards.io/schemas/adaptive-card.json")),
            ("type", .text("AdaptiveCard")), ("version", .text("1.2")),
            ("body", .list([head, body])), ("msteams", .object([("width", .text("full"))])),
        ])
        let attachment = JSONBody.object([
            ("contentType", .text("application/vnd.microsoft.card.adaptive")),
            ("contentUrl", .null), ("content", content),
        ])
        return .object([("type", .text("message")), ("attachments", .list([attachment]))])
    }
}

extension ConfigFields {
    func webhookURL() throws(NotifierConfigError) -> Secret {
        guard let url = try secretURL("webhook_url") else {
            throw failure("one of webhook_url or webhook_url_file must be configured")
        }
        return url
    }

    /// What the receiver says, else the global setting.
    func http(_ global: GlobalSettings) throws(NotifierConfigError) -> HTTPOptions {
        try self["http_config"].map { node throws(NotifierConfigError) in try HTTPOptions(node) }
            ?? global.http
    }

    /// 0 stands for the standard, as does nothing: `nil`.
    func timeout() throws(NotifierConfigError) -> Duration? {
        let nanoseconds = try duration("timeout") ?? 0
        return nanoseconds > 0 ? .nanoseconds(nanoseconds) : nil
    }
}
