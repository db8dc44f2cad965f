import Telemetry

/// `discord_configs`: an embed for a webhook of a channel (notify/discord/discord.go).
struct DiscordIntegration: IntegrationSettings {
    static let kind = "discord"
    static let fields = [
        "send_resolved", "http_config", "webhook_url", "webhook_url_file", "content", "title",
        "message", "username", "avatar_url",
    ]
    /// Discord's limits, in characters.
    private static let contentMax = 2_000
    private static let titleMax = 256
    private static let descriptionMax = 2_000

    private let url: Secret
    private let http: HTTPOptions
    private let content: String
    private let title: String
    private let message: String
    private let username: String
    private let avatar: String

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        url = try fields.webhookURL()
        http = try fields.http(global)
        content = try fields.template(
            "content", default: "{{ template \"discord.default.content\" . }}")
        title = try fields.template("title", default: "{{ template \"discord.default.title\" . }}")
        message = try fields.template(
            "message", default: "{{ template \"discord.default.message\" . }}")
        username = try fields.text("username")
        avatar = try fields.text("avatar_url")
    }

    var address: String { url.shownAddress }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        await carrier.post(
            { () throws(SendTrouble) -> [OutgoingRequest] in
                let writer = carrier.writer(message, at: now)
                let embed = JSONBody.object([
                    ("title", .text(try writer.text(title, atMost: Self.titleMax))),
                    (
                        "description",
                        .text(try writer.text(self.message, atMost: Self.descriptionMax))
                    ), ("color", .number(message.isFiring ? 0x992D22 : 0x2ECC71)),
                ])
                var members: [(String, JSONBody)] = [
                    ("content", .text(try writer.text(content, atMost: Self.contentMax))),
                    ("embeds", .list([embed])),
                ]
                if !username.isEmpty { members.append(("username", .text(username))) }
                if !avatar.isEmpty { members.append(("avatar_url", .text(avatar))) }
                return [try url.request(JSONBody.object(members).bytes)]
            }, http, at: now)
    }
}
