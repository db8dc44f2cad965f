/// A list of a receiver's configuration, and how its entries are read.
struct IntegrationKind: Sendable {
    /// `slack_configs`.
    let key: String
    private let fields: [String]
    private let refusedFields: [String: String]
    private let sendsResolved: Bool
    private let make:
        @Sendable (ConfigFields, GlobalSettings) throws(NotifierConfigError) ->
            any IntegrationSettings

    func integration(
        _ receiver: String, _ index: Int, _ node: ConfigNode, _ global: GlobalSettings
    ) throws(NotifierConfigError) -> Integration {
        if node.isNull, key != "slack_configs", key != "opsgenie_configs" {
            throw node.failure("missing \(key.dropLast(8)) config")
        }
        let values = try node.fields(fields, type: "config.plain", refused: refusedFields)
        return Integration(
            receiver: receiver, index: index,
            sendsResolved: try values.flag("send_resolved", default: sendsResolved),
            settings: try make(values, global))
    }

    /// Alertmanager's receivers that there are not here.
    static let refused = Dictionary(
        [
            "wechat", "pushover", "victorops", "sns", "webex", "jira", "rocketchat", "mattermost",
            "incidentio",
        ].map { ("\($0)_configs", "there is no such receiver here; a webhook may do") }
            + [("labels", "receivers have no labels")]
    ) { $1 }

    static let all: [IntegrationKind] = [
        IntegrationKind(
            key: "webhook_configs", fields: WebhookIntegration.fields,
            refusedFields: WebhookIntegration.refused, sendsResolved: true,
            make: { fields, global throws(NotifierConfigError) in
                try WebhookIntegration(fields, global)
            }),
        IntegrationKind(
            key: "email_configs", fields: EmailIntegration.fields,
            refusedFields: EmailIntegration.refused, sendsResolved: false,
            make: { fields, global throws(NotifierConfigError) in
                try EmailIntegration(fields, global)
            }),
        IntegrationKind(
            key: "slack_configs", fields: SlackIntegration.fields,
            refusedFields: SlackIntegration.refused, sendsResolved: false,
            make: { fields, global throws(NotifierConfigError) in
                try SlackIntegration(fields, global)
            }),
        IntegrationKind(
            key: "pagerduty_configs", fields: PagerDutyIntegration.fields,
            refusedFields: PagerDutyIntegration.refused, sendsResolved: true,
            make: { fields, global throws(NotifierConfigError) in
                try PagerDutyIntegration(fields, global)
            }),
        IntegrationKind(
            key: "opsgenie_configs", fields: OpsgenieIntegration.fields, refusedFields: [:],
            sendsResolved: true,
            make: { fields, global throws(NotifierConfigError) in
                try OpsgenieIntegration(fields, global)
            }),
        IntegrationKind(
            key: "telegram_configs", fields: TelegramIntegration.fields, refusedFields: [:],
            sendsResolved: true,
            make: { fields, global throws(NotifierConfigError) in
                try TelegramIntegration(fields, global)
            }),
        IntegrationKind(
            key: "discord_configs", fields: DiscordIntegration.fields, refusedFields: [:],
            sendsResolved: true,
            make: { fields, global throws(NotifierConfigError) in
                try DiscordIntegration(fields, global)
            }),
        IntegrationKind(
            key: "msteams_configs", fields: TeamsIntegration.fields, refusedFields: [:],
            sendsResolved: true,
            make: { fields, global throws(NotifierConfigError) in
                try TeamsIntegration(fields, global)
            }),
        IntegrationKind(
            key: "msteamsv2_configs", fields: TeamsWorkflowIntegration.fields, refusedFields: [:],
            sendsResolved: true,
            make: { fields, global throws(NotifierConfigError) in
                try TeamsWorkflowIntegration(fields, global)
            }),
        IntegrationKind(
            key: "alertmanager_configs", fields: AlertmanagerIntegration.fields, refusedFields: [:],
            sendsResolved: true,
            make: { fields, global throws(NotifierConfigError) in
                try AlertmanagerIntegration(fields, global)
            }),
        IntegrationKind(
            key: "exec_configs", fields: ExecIntegration.fields, refusedFields: [:],
            sendsResolved: true,
            make: { fields, global throws(NotifierConfigError) in
                try ExecIntegration(fields, global)
            }),
    ]
}
