import Telemetry

/// `alertmanager_configs`: hands the alerts of a group on to an Alertmanager, which routes them again.
///
/// A firing alert is given an end after `expires_after`, which must outlast the route's repetition: the
/// other side takes it for resolved if it hears nothing more until then.
struct AlertmanagerIntegration: IntegrationSettings {
    static let kind = "alertmanager"
    static let fields = [
        "send_resolved", "http_config", "url", "url_file", "timeout", "expires_after",
    ]

    let url: Secret
    let http: HTTPOptions
    let timeout: Duration?
    /// Nanoseconds.
    let expiresAfter: Int64

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        guard let url = try fields.secretURL("url") else {
            throw fields.failure("one of url or url_file must be configured")
        }
        self.url = url
        http = try fields.http(global)
        timeout = try fields.timeout()
        // Twice the default repetition, and a quarter of an hour.
        expiresAfter = try fields.duration("expires_after") ?? 29_700_000_000_000
    }

    var address: String { url.shownAddress }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        await carrier.post(
            { () throws(SendTrouble) -> [OutgoingRequest] in
                let end = RFC3339.string(now.advanced(byNanoseconds: expiresAfter))
                let alerts = message.alerts.map { alert in
                    JSONBody.filled([
                        ("labels", .texts(alert.labels)),
                        ("annotations", .texts(alert.annotations)),
                        ("startsAt", .text(alert.startsAt)),
                        ("endsAt", .text(alert.status == "firing" ? end : alert.endsAt)),
                        ("generatorURL", .text(alert.generatorURL)),
                    ])
                }
                var request = try url.request(JSONBody.list(alerts).bytes)
                while request.url.hasSuffix("/") { request.url.removeLast() }
                request.url += "/api/v2/alerts"
                return [request]
            }, http, timeout: timeout, at: now)
    }
}
