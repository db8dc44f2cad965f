import Telemetry

/// `webhook_configs`: the message itself as JSON (notify/webhook/webhook.go), signed if a secret is given.
///
/// A signature is a header `X-Sidelight-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of
/// `SECONDS.BODY` with the secret, so that neither the body nor its time can be forged.
struct WebhookIntegration: IntegrationSettings {
    static let kind = "webhook"
    static let fields = [
        "send_resolved", "http_config", "url", "url_file", "max_alerts", "timeout",
        "signing_secret", "signing_secret_file",
    ]
    static let refused = ["payload": "the body is that of version 4"]

    let url: Secret
    let http: HTTPOptions
    /// 0 for all.
    let alertsMax: Int
    let timeout: Duration?
    let signingSecret: Secret?

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        guard let url = try fields.secretURL("url") else {
            throw fields.failure("one of url or url_file must be configured")
        }
        self.url = url
        http = try fields.http(global)
        alertsMax = Int(clamping: try fields["max_alerts"]?.integer() ?? 0)
        guard alertsMax >= 0 else { throw fields.failure("max_alerts cannot be negative") }
        timeout = try fields.timeout()
        signingSecret = try fields.secret("signing_secret")
    }

    var address: String { url.shownAddress }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        await carrier.post(
            { () throws(SendTrouble) -> [OutgoingRequest] in
                let body = message.truncated(to: alertsMax).body
                var request = try url.request(body)
                if let secret = try signingSecret?.read() {
                    request.headers.append(
                        (name: "x-sidelight-signature", value: Self.signature(body, secret, now)))
                }
                return [request]
            }, http, timeout: timeout, at: now)
    }

    static func signature(_ body: [UInt8], _ secret: String, _ now: Timestamp) -> String {
        let seconds = now.milliseconds / 1_000
        let code = SHA256.authentication(
            of: Array("\(seconds).".utf8) + body, key: Array(secret.utf8))
        return "t=\(seconds),v1=\(code)"
    }
}
