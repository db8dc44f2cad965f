import Telemetry

/// `opsgenie_configs` by the Alert API (notify/opsgenie/opsgenie.go).
struct OpsgenieIntegration: IntegrationSettings {
    static let kind = "opsgenie"
    static let fields = [
        "send_resolved", "http_config", "api_key", "api_key_file", "api_url", "message",
        "description", "source", "details", "entity", "responders", "actions", "tags", "note",
        "priority", "update_alerts",
    ]
    private static let types = ["team", "teams", "user", "escalation", "schedule"]
    /// Opsgenie's limit, in characters.
    private static let messageMax = 130

    private let key: Secret
    private let url: String
    private let http: HTTPOptions
    private let texts: [String: String]
    private let details: [String: String]
    private let responders: [[String: String]]
    private let updatesAlerts: Bool

    init(_ fields: ConfigFields, _ global: GlobalSettings) throws(NotifierConfigError) {
        guard let key = try fields.secret("api_key") ?? global.opsgenieKey else {
            throw fields.failure("no global OpsGenie API Key set either inline or in a file")
        }
        self.key = key
        let url = try fields.url("api_url") ?? global.opsgenieURL
        self.url = url.hasSuffix("/") ? url : url + "/"
        http = try fields.http(global)
        var texts: [String: String] = [:]
        for name in ["message", "description", "source"] {
            texts[name] = try fields.template(
                name, default: "{{ template \"opsgenie.default.\(name)\" . }}")
        }
        for name in ["entity", "actions", "tags", "note", "priority"] {
            texts[name] = try fields.template(name)
        }
        self.texts = texts
        details = try fields.templates("details")
        updatesAlerts = try fields.flag("update_alerts")
        var responders: [[String: String]] = []
        for node in try fields["responders"]?.elements() ?? [] {
            responders.append(try Self.responder(node))
        }
        self.responders = responders
    }

    private static func responder(
        _ node: ConfigNode
    ) throws(NotifierConfigError) -> [String: String] {
        let fields = try node.fields(["id", "name", "username", "type"], type: "config.plain")
        var responder: [String: String] = [:]
        for name in ["id", "name", "username", "type"] {
            responder[name] = try fields.template(name)
        }
        guard ["id", "name", "username"].contains(where: { responder[$0]?.isEmpty == false }) else {
            throw node.failure(
                "opsGenieConfig responder has to have at least one of id, username or name specified"
            )
        }
        let type = responder["type"] ?? ""
        guard type.contains("{{") || types.contains(type.lowercased()) else {
            throw node.failure(
                "opsGenieConfig responder type does not match valid options "
                    + "^(\(types.joined(separator: "|")))$")
        }
        return responder
    }

    var address: String { Secret.inline(url).shownAddress }

    func send(_ message: GroupMessage, by carrier: Carrier, at now: Timestamp) async -> SendResult {
        await carrier.post(
            { () throws(SendTrouble) -> [OutgoingRequest] in
                let writer = carrier.writer(message, at: now)
                let key = try writer.text(try key.read())
                var requests =
                    message.isFiring
                    ? try raising(message, writer) : [try closing(message, writer)]
                for index in requests.indices {
                    requests[index].headers.append(
                        (name: "authorization", value: "GenieKey \(key)"))
                }
                return requests
            }, http, at: now)
    }

    private func closing(
        _ message: GroupMessage, _ writer: MessageWriter
    ) throws(SendTrouble) -> OutgoingRequest {
        let source = try writer.text(texts["source"] ?? "")
        return OutgoingRequest(
            url: "\(url)v2/alerts/\(message.keyHash)/close?identifierType=alias",
            body: JSONBody.object([("source", .text(source))]).bytes)
    }

    private func raising(
        _ message: GroupMessage, _ writer: MessageWriter
    ) throws(SendTrouble) -> [OutgoingRequest] {
        func text(_ name: String) throws(SendTrouble) -> JSONBody {
            .text(try writer.text(texts[name] ?? ""))
        }
        let summary = try writer.text(texts["message"] ?? "", atMost: Self.messageMax)
        let description = try text("description")
        let details = message.commonLabels.merging(try writer.texts(self.details)) { $1 }
        var members: [(String, JSONBody)] = [
            ("alias", .text(message.keyHash)), ("message", .text(summary)),
            ("description", description),
        ]
        let rest: [(String, JSONBody)] = [
            ("source", try text("source")), ("responders", .list(try written(writer))),
            ("tags", .list(try writer.parts(texts["tags"] ?? "").map { .text($0) })),
            ("note", try text("note")), ("priority", try text("priority")),
            ("entity", try text("entity")),
            ("actions", .list(try writer.parts(texts["actions"] ?? "").map { .text($0) })),
        ]
        members.append(("details", .texts(details)))
        var requests = [
            OutgoingRequest(url: "\(url)v2/alerts", body: JSONBody.filled(members + rest).bytes)
        ]
        guard updatesAlerts else { return requests }
        for (name, value) in [("message", JSONBody.text(summary)), ("description", description)] {
            requests.append(
                OutgoingRequest(
                    method: "PUT",
                    url: "\(url)v2/alerts/\(message.keyHash)/\(name)?identifierType=alias",
                    body: JSONBody.filled([(name, value)]).bytes))
        }
        return requests
    }

    /// `teams` names several at once.
    private func written(_ writer: MessageWriter) throws(SendTrouble) -> [JSONBody] {
        var written: [JSONBody] = []
        for responder in responders {
            let texts = try writer.texts(responder)
            if texts.values.allSatisfy(\.isEmpty) { continue }
            if texts["type"]?.lowercased() == "teams" {
                for team in try writer.parts(texts["name"] ?? "") {
                    written.append(.object([("name", .text(team)), ("type", .text("team"))]))
                }
                continue
            }
            written.append(
                .filled(
                    ["id", "name", "username", "type"].map { name in
                        let text = texts[name] ?? ""
                        return (name, .text(name == "type" ? text.lowercased() : text))
                    }))
        }
        return written
    }
}
