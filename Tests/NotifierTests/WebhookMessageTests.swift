import Foundation
import Notifier
import Store
import Telemetry
import Testing

@Suite struct WebhookMessageTests {
    private func message(
        _ alerts: [AlertNotice], _ status: AlertNotification.Status = .firing, alertsMax: Int = 10
    ) throws -> [String: Any] {
        let receiver = WebhookReceiver(
            name: "hook", url: try WebhookURL("http://x"), alertsMax: alertsMax)
        let deliveries = [receiver].builder(
            AlertNotification(
                group: RuleGroupKey(file: "a.yml", name: "g"), status: status, at: .zero,
                externalURL: "http://here", alerts: alerts))
        let body = try #require(deliveries.first).body
        return try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    }

    private func notice(_ name: String, ends: Timestamp? = nil) -> AlertNotice {
        AlertNotice(
            labels: Labels(["alertname": name, "team": "a"]),
            annotations: [Attribute("text", .string("é \"\n")), Attribute("name", .string(name))],
            startsAt: Timestamp(seconds: 1_700_000_000), endsAt: ends, generatorURL: "http://here/g"
        )
    }

    @Test("the message has the fields of version 4")
    func fields() throws {
        let json = try message([notice("A"), notice("B")])
        #expect(
            Set(json.keys) == [
                "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels",
                "commonLabels", "commonAnnotations", "externalURL", "alerts",
            ])
        #expect(json["version"] as? String == "4")
        #expect(json["status"] as? String == "firing")
        #expect(json["receiver"] as? String == "hook")
        #expect(json["groupKey"] as? String == "a.yml;g")
        #expect(json["truncatedAlerts"] as? Int == 0)
        #expect(json["commonLabels"] as? [String: String] == ["team": "a"])
        #expect(json["commonAnnotations"] as? [String: String] == ["text": "é \"\n"])
        let alerts = try #require(json["alerts"] as? [[String: Any]])
        #expect(
            Set(alerts[0].keys) == [
                "status", "labels", "annotations", "startsAt", "endsAt", "generatorURL",
                "fingerprint",
            ])
        #expect(alerts[0]["labels"] as? [String: String] == ["alertname": "A", "team": "a"])
        #expect(alerts[0]["startsAt"] as? String == "2023-11-14T22:13:20Z")
        #expect(alerts[0]["endsAt"] as? String == "0001-01-01T00:00:00Z")
        #expect(alerts[0]["fingerprint"] as? String != alerts[1]["fingerprint"] as? String)
    }

    @Test("evidence stands beside the fields of version 4, whole and as itself")
    func evidence() throws {
        var evidence = PageEvidence()
        evidence.service = "payments"
        evidence.badEvents = 74.5
        evidence.exemplars = [
            PageEvidence.Exemplar(
                traceId: "0a", spanId: "0b", service: "payments", name: "POST /pay",
                start: "2026-11-21T10:00:00Z", seconds: 0.25, link: "http://here/ui/trace/0a")
        ]
        evidence.route = PageEvidence.Share(name: "/pay/{id}", share: 1)
        evidence.version = PageEvidence.Share(name: "v2", share: 0.75)
        evidence.upstream = PageEvidence.Share(name: "bank", share: 0.5)
        evidence.failingHop = PageEvidence.Share(name: "bank v7: SELECT", share: 0.5)
        evidence.lines = ["POST /pay \"503\""]
        evidence.changedAt = "2026-11-21T09:55:00Z"
        evidence.badShareBefore = 0
        evidence.badShareAfter = 0.125
        evidence.remaining = -0.5
        evidence.exhaustedInSeconds = 3_600
        evidence.culprit = "payments"
        evidence.together = ["payments", "gateway"]
        evidence.notes = ["log lines: left out"]
        for told in [evidence, PageEvidence()] {
            var alert = notice("A")
            alert.evidence = told
            let json = try message([alert])
            let first = try #require((json["alerts"] as? [[String: Any]])?.first)
            #expect(first["fingerprint"] is String)
            let beyond = try #require(first["sidelight"] as? [String: Any])
            let fields = try JSONSerialization.data(withJSONObject: beyond["evidence"] as Any)
            #expect(try JSONDecoder().decode(PageEvidence.self, from: fields) == told)
        }
    }

    @Test("a resolved alert says when it ended")
    func resolved() throws {
        let json = try message([notice("A", ends: Timestamp(seconds: 1_700_000_001))], .resolved)
        let alerts = try #require(json["alerts"] as? [[String: Any]])
        #expect(alerts[0]["status"] as? String == "resolved")
        #expect(alerts[0]["endsAt"] as? String == "2023-11-14T22:13:21Z")
    }

    @Test("alerts beyond the receiver's bound are counted, not sent")
    func truncated() throws {
        let json = try message((0..<5).map { notice("A\($0)") }, alertsMax: 2)
        #expect((json["alerts"] as? [Any])?.count == 2)
        #expect(json["truncatedAlerts"] as? Int == 3)
    }

    @Test("a receiver may leave resolved alerts out")
    func firingOnly() throws {
        let receiver = WebhookReceiver(
            name: "hook", url: try WebhookURL("http://x"), sendsResolved: false)
        let notification = AlertNotification(
            group: RuleGroupKey(file: "a", name: "g"), status: .resolved, at: .zero,
            externalURL: "", alerts: [notice("A")])
        #expect([receiver].builder(notification).isEmpty)
    }

    @Test("a printed URL shows no secrets")
    func secrets() throws {
        let url = try WebhookURL("https://me:pass@hooks.example:8443/services/T0/B0?token=x#y")
        #expect("\(url)" == "https://hooks.example:8443")
    }

    @Test(
        "what is no webhook URL is refused without repeating it",
        arguments: ["", "hooks.example", "ftp://secret@x", "http://", "http:///secret"])
    func badURL(text: String) {
        do {
            _ = try WebhookURL(text)
            Issue.record("accepted: \(text)")
        } catch {
            #expect(!"\(error)".contains("secret"))
        }
    }
}
