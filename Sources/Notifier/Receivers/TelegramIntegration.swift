import Foundation
import Telemetry

/// `telegram_configs`: a bot's message to a chat (notify/telegram/telegram.go).
struct TelegramIntegration: IntegrationSettings {
    static let kind = "telegram"
    static let fields = [
        "send_resolved", "http_config", "api_url", "bot_token", "bot_token_file", "chat_id",
        "chat_id_file", "message_thread_id", "message", "disable_notifications", "parse_mode",
    ]
    private static let modes = ["Markdown", "MarkdownV2", "HTML", ""]
    /// Telegram's limit, in characters.
    private static let messageMax = 4_096

    private let token: Secret
    private let chat: Secret
    private let url: String
    private let http: HTTPOptions
    private let message: String
    private let mode: String
    private let thread: Int64
    private let isQuiet: Bool

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        guard let token = try fields.secret("bot_token") ?? global.telegramToken else {
            throw fields.failure("missing bot_token or bot_token_file on telegram_config")
        }
        self.token = token
        _ = try fields["chat_id"]?.integer()
        guard let chat = try fields.secret("chat_id") else {
            throw fields.failure("missing chat_id or chat_id_file on telegram_config")
        }
        self.chat = chat
        var url = try fields.url("api_url") ?? global.telegramURL
        while url.hasSuffix("/") { url.removeLast() }
        self.url = url
        http = try fields.http(global)
        message = try fields.template(
            "message", default: "{{ template \"telegram.default.message\" . }}")
        mode = try fields.values["parse_mode"]?.text() ?? "HTML"
        guard Self.modes.contains(mode) else {
            throw fields.failure(
                "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty "
                    + "string")
        }
        thread = try fields["message_thread_id"]?.integer() ?? 0
        isQuiet = try fields.flag("disable_notifications")
    }

    var address: String { Secret.inline(url).shownAddress }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        await carrier.post(
            { () throws(SendTrouble) -> [OutgoingRequest] in
                let body = try body(carrier.writer(message, at: now))
                return [
                    OutgoingRequest(
                        url: "\(url)/bot\(try token.read())/sendMessage", body: body.bytes)
                ]
            }, http, at: now)
    }

    private func body(_ writer: MessageWriter) throws(SendTrouble) -> JSONBody {
        var text: String
        if mode == "HTML" {
            text = try writer.text(message, isHTML: true)
            // Cut off, it would be no HTML any more.
            if text.unicodeScalars.count > Self.messageMax {
                text =
                    "Alertmanager notification could not be sent: message length exceeds Telegram "
                    + "limits. Please check the template used for producing the message content."
            }
        } else {
            text = try writer.text(message, atMost: Self.messageMax)
        }
        var members: [(String, JSONBody)] = [
            ("chat_id", .text(try chat.read())), ("text", .text(text)),
            ("disable_web_page_preview", .text("true")),
        ]
        if !mode.isEmpty { members.append(("parse_mode", .text(mode))) }
        if isQuiet { members.append(("disable_notification", .text("true"))) }
        if thread != 0 { members.append(("message_thread_id", .text(String(thread)))) }
        return .object(members)
    }
}
