import Telemetry

/// `pagerduty_configs` by the Events API v2 (notify/pagerduty/pagerduty.go).
struct PagerDutyIntegration: IntegrationSettings {
    static let kind = "pagerduty"
    static let fields = [
        "send_resolved", "http_config", "routing_key", "routing_key_file", "url", "client",
        "client_url", "description", "details", "images", "links", "source", "severity", "class",
        "component", "group", "timeout",
    ]
    static let refused = [
        "service_key": "the Events API v1 is not spoken; give a routing_key",
        "service_key_file": "the Events API v1 is not spoken; give a routing_key_file",
    ]
    /// PagerDuty's limits: characters of a summary, bytes of an event.
    private static let summaryMax = 1_024
    private static let eventBytesMax = 512_000

    private let key: Secret
    private let url: String
    private let http: HTTPOptions
    private let timeout: Duration?
    private let texts: [String: String]
    private let details: [String: String]
    private let images: [[(String, String)]]
    private let links: [[(String, String)]]

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        guard let key = try fields.secret("routing_key") else {
            throw fields.failure("missing service or routing key in PagerDuty config")
        }
        self.key = key
        url = try fields.url("url") ?? global.pagerDutyURL
        http = try fields.http(global)
        timeout = try fields.timeout()
        var texts: [String: String] = [:]
        let client = "{{ template \"pagerduty.default.client\" . }}"
        for (name, standard) in [
            ("client", client), ("client_url", "{{ template \"pagerduty.default.clientURL\" . }}"),
            ("description", "{{ template \"pagerduty.default.description\" . }}"),
            ("severity", "error"), ("class", ""), ("component", ""), ("group", ""),
        ] {
            texts[name] = try fields.template(name, default: standard)
        }
        texts["source"] = try fields.template("source", default: texts["client"] ?? client)
        self.texts = texts
        details = [
            "firing": "{{ template \"pagerduty.default.instances\" .Alerts.Firing }}",
            "resolved": "{{ template \"pagerduty.default.instances\" .Alerts.Resolved }}",
            "num_firing": "{{ .Alerts.Firing | len }}",
            "num_resolved": "{{ .Alerts.Resolved | len }}",
        ].merging(try fields.templates("details")) { $1 }
        images = try Self.items(fields, "images", ["src", "alt", "href"])
        links = try Self.items(fields, "links", ["href", "text"])
    }

    private static func items(
        _ fields: ConfigFields, _ name: String, _ keys: [String]
    ) throws(NotifierConfigError) -> [[(String, String)]] {
        var items: [[(String, String)]] = []
        for node in try fields[name]?.elements() ?? [] {
            let inner = try node.fields(keys, type: "config.plain")
            var item: [(String, String)] = []
            for key in keys { item.append((key, try inner.template(key))) }
            items.append(item)
        }
        return items
    }

    var address: String { Secret.inline(url).shownAddress }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        await carrier.post(
            { () throws(SendTrouble) -> [OutgoingRequest] in
                let writer = carrier.writer(message, at: now)
                let whole = try event(message, writer, details: .texts(try writer.texts(details)))
                if whole.count <= Self.eventBytesMax {
                    return [OutgoingRequest(url: url, body: whole)]
                }
                let error =
                    "Custom details have been removed because the original event exceeds the "
                    + "maximum size of 512kB"
                let short = try event(message, writer, details: .texts(["error": error]))
                return [OutgoingRequest(url: url, body: short)]
            }, http, timeout: timeout, at: now)
    }

    private func event(
        _ message: GroupMessage, _ writer: MessageWriter, details: JSONBody
    ) throws(SendTrouble) -> [UInt8] {
        func text(_ name: String) throws(SendTrouble) -> JSONBody {
            .text(try writer.text(texts[name] ?? ""))
        }
        let key = try writer.text(try key.read())
        guard !key.isEmpty else { throw .permanent("routing key cannot be empty") }
        let summary = try writer.text(texts["description"] ?? "", atMost: Self.summaryMax)
        let payload = JSONBody.filled([
            ("summary", .text(summary)), ("source", try text("source")),
            ("severity", try text("severity")), ("class", try text("class")),
            ("component", try text("component")), ("group", try text("group")),
            ("custom_details", details),
        ])
        return JSONBody.filled([
            ("routing_key", .text(key)), ("dedup_key", .text(message.keyHash)),
            ("event_action", .text(message.isFiring ? "trigger" : "resolve")),
            ("payload", payload), ("client", try text("client")),
            ("client_url", try text("client_url")),
            ("images", .list(try Self.written(images, writer))),
            ("links", .list(try Self.written(links, writer))),
        ]).bytes
    }

    /// Without those whose first text comes out empty.
    private static func written(
        _ items: [[(String, String)]], _ writer: MessageWriter
    ) throws(SendTrouble) -> [JSONBody] {
        var written: [JSONBody] = []
        for item in items {
            var members: [(String, JSONBody)] = []
            for (name, source) in item { members.append((name, .text(try writer.text(source)))) }
            if case .text("")? = members.first?.1 { continue }
            written.append(.object(members))
        }
        return written
    }
}
