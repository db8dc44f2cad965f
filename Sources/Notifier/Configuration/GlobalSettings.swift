/// `global`: what receivers inherit.
struct GlobalSettings: Sendable {
    /// How mail is sent.
    struct Mail: Sendable {
        var smarthost: (host: String, port: Int)?
        var from = ""
        var hello = "localhost"
        var user = ""
        var password: Secret?
        var identity = ""
        var requiresTLS = true
        var tls = TLSOptions()
        /// `nil` goes by the port.
        var isImplicit: Bool?
    }

    /// Nanoseconds after which an alert without an end is taken for resolved.
    var resolveTimeout: Int64 = 300_000_000_000
    var http = HTTPOptions.standard
    var mail = Mail()
    var slackURL: Secret?
    var slackAppToken: Secret?
    var slackAppURL = "https://slack.com/api/chat.postMessage"
    var pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"
    var opsgenieURL = "https://api.opsgenie.com/"
    var opsgenieKey: Secret?
    var telegramURL = "https://api.telegram.org"
    var telegramToken: Secret?
    /// Whether commands may be run.
    var allowsExec = false

    private static let known = [
        "resolve_timeout", "http_config", "smtp_from", "smtp_hello", "smtp_smarthost",
        "smtp_auth_username", "smtp_auth_password", "smtp_auth_password_file",
        "smtp_auth_identity", "smtp_require_tls", "smtp_tls_config", "smtp_force_implicit_tls",
        "slack_api_url", "slack_api_url_file", "slack_app_token", "slack_app_token_file",
        "slack_app_url", "pagerduty_url", "opsgenie_api_url", "opsgenie_api_key",
        "opsgenie_api_key_file", "telegram_api_url", "telegram_bot_token",
        "telegram_bot_token_file",
    ]

    private static var refused: [String: String] {
        var refused = [
            "smtp_auth_secret": "CRAM-MD5 is not spoken; give an smtp_auth_password",
            "smtp_auth_secret_file": "CRAM-MD5 is not spoken; give an smtp_auth_password_file",
        ]
        for name in [
            "jira_api_url", "wechat_api_url", "wechat_api_secret", "wechat_api_secret_file",
            "wechat_api_corp_id", "victorops_api_url", "victorops_api_key",
            "victorops_api_key_file", "webex_api_url", "rocketchat_api_url", "rocketchat_token",
            "rocketchat_token_file", "rocketchat_token_id", "rocketchat_token_id_file",
            "mattermost_webhook_url", "mattermost_webhook_url_file",
        ] {
            refused[name] = "there is no such receiver here"
        }
        return refused
    }

    init(allowsExec: Bool) { self.allowsExec = allowsExec }

    init(_ node: ConfigNode, allowsExec: Bool) throws(NotifierConfigError) {
        self.allowsExec = allowsExec
        let fields = try node.fields(Self.known, type: "config.plain", refused: Self.refused)
        if let timeout = try fields.duration("resolve_timeout") { resolveTimeout = timeout }
        if let node = fields["http_config"] { http = try HTTPOptions(node) }
        slackURL = try fields.secretURL("slack_api_url")
        slackAppToken = try fields.secret("slack_app_token")
        slackAppURL = try fields.url("slack_app_url") ?? slackAppURL
        // Both, where the address is that of apps: receivers may bring tokens of their own in http_config.
        if let slackURL, slackAppToken != nil, slackURL != .inline(slackAppURL) {
            throw fields.failure(
                "at most one of slack_app_token/slack_app_token_file & "
                    + "slack_api_url/slack_api_url_file must be configured")
        }
        pagerDutyURL = try fields.url("pagerduty_url") ?? pagerDutyURL
        opsgenieURL = try fields.url("opsgenie_api_url") ?? opsgenieURL
        opsgenieKey = try fields.secret("opsgenie_api_key")
        telegramURL = try fields.url("telegram_api_url") ?? telegramURL
        telegramToken = try fields.secret("telegram_bot_token")
        mail.smarthost = try fields["smtp_smarthost"]?.hostAndPort()
        mail.from = try fields.template("smtp_from")
        mail.hello = try fields.text("smtp_hello", default: mail.hello)
        mail.user = try fields.text("smtp_auth_username")
        mail.password = try fields.secret("smtp_auth_password")
        mail.identity = try fields.text("smtp_auth_identity")
        mail.requiresTLS = try fields.flag("smtp_require_tls", default: true)
        if let node = fields["smtp_tls_config"] { mail.tls = try TLSOptions(node) }
        mail.isImplicit = try fields["smtp_force_implicit_tls"]?.flag()
    }
}
