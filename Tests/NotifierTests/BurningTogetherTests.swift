import Foundation
import Notifier
import Platform
import QueryCore
import Rules
import Store
import Telemetry
import Testing

/// A shop of which the service graph tells that the gateway calls payments, and payments the bank; search is
/// called by nobody who burns. Rules of a group of their own for each service, dispatched by alert name.
struct BurningLab {
    let lab = OutboxLab()
    let catalog: FullCatalog
    private static let services = ["gateway", "payments", "search"]

    init() {
        catalog = FullCatalog(lab.store)
        for (client, server) in [("gateway", "payments"), ("payments", "bank"), ("a", "search")] {
            set("traces_service_graph_request_total", ["client": client, "server": server], 5)
        }
    }

    func set(_ name: String, _ labels: [String: String], _ value: Double) {
        var batch = MetricBatch()
        let pairs = labels.map { (name: $0.key, value: $0.value) }
        let series = batch.append(Labels(pairs + [(name: Labels.metricName, value: name)]))
        batch.append(series: series, time: lab.now.milliseconds, value: value)
        lab.store.append(metrics: batch, digest: nil) { _ in }
    }

    /// Evaluates the rule of one service, as its group would.
    func evaluate(_ service: String, burns: Bool) throws {
        set("burn", ["service": service], burns ? 1 : 0)
        let collector = EvidenceCollector(
            spans: lab.store, logs: lab.store, metrics: lab.store, objectives: { [] })
        var environment = RuleEnvironment(
            store: lab.store, catalog: catalog, clock: lab.clock, events: lab.events,
            notifications: Alertmanager.builder)
        environment.evidence = { subjects, now in
            collector.gather(subjects, at: now, context: QueryContext())
        }
        let file = try RuleFile.parse(
            """
            groups:
              - name: \(service)
                rules:
                  - alert: \(service)Burns
                    expr: burn{service="\(service)"} > 0
                    annotations: {summary: "of \(service)"}
            """, path: "\(service).yml")
        var group = try RuleGroupEvaluator(file.groups[0], in: environment, at: lab.now)
        #expect(group.evaluate(at: lab.now).failures.isEmpty)
    }

    /// Runs `body` with an Alertmanager that reads the graph from the store.
    func with(
        graph: Bool = true, sendsResolved: Bool = true, _ body: (Alertmanager) throws -> Void
    ) async throws {
        let carrier = HTTPCarrier.patient
        let loop = NotifierLoop(
            catalog: catalog, receivers: [], clock: lab.clock, random: SeededRandom(seed: lab.seed),
            events: lab.events, sender: WebhookSender(carrier))
        let reader = ServiceCallsReader(lab.store, clock: lab.clock, events: lab.events)
        let config = try AlertmanagerConfig.parse(
            """
            route: {receiver: hook, group_by: [alertname], group_wait: 30s, group_interval: 1m}
            receivers:
              - name: hook
                webhook_configs: [{url: "http://127.0.0.1:1/", send_resolved: \(sendsResolved)}]
            """, path: "am.yml")
        let alertmanager = try Alertmanager(
            config: config, externalURL: "http://here", store: catalog, loop: loop,
            carrier: carrier, clock: lab.clock, random: SeededRandom(seed: lab.seed),
            events: lab.events, calls: { graph ? reader.calls() : ServiceCalls() })
        try body(alertmanager)
        alertmanager.shutdown()
        await loop.shutdown()
    }

    /// What has been told since the last call.
    func told() throws -> [Message] {
        try lab.waiting().filter { $0.receiver == "hook/webhook[0]" }.map { delivery in
            try lab.store.settle(delivery.id, .delivered)
            // Receivers read it from the outbox and write it again.
            let again = try GroupMessage(delivery.body).body
            #expect(again == delivery.body)
            return try JSONDecoder().decode(Message.self, from: Data(delivery.body))
        }
    }
}

/// The parts of a webhook message that matter here.
struct Message: Decodable {
    struct Alert: Decodable {
        struct Beyond: Decodable { var evidence: PageEvidence }
        var status: String
        var labels: [String: String]
        var annotations: [String: String]
        var sidelight: Beyond?
    }
    var groupKey: String
    var groupLabels: [String: String]
    var alerts: [Alert]

    /// `+` for what fires.
    var names: [String] {
        alerts.map { ($0.status == "firing" ? "+" : "-") + ($0.labels["service"] ?? "") }
    }
}

@Suite("Callers and callees that burn together") struct BurningTogetherTests {
    @Test("are told in one notification, the culprit first, and ended in it")
    func together() async throws {
        let shop = BurningLab()
        try await shop.with { alertmanager in
            try shop.evaluate("gateway", burns: true)
            try shop.evaluate("search", burns: true)
            try alertmanager.step()
            shop.lab.advance(seconds: 20)
            try shop.evaluate("payments", burns: true)
            try alertmanager.step()
            #expect(try shop.told().isEmpty)
            shop.lab.advance(seconds: 10)
            try alertmanager.step()
            let told = try shop.told().sorted { $0.groupKey < $1.groupKey }
            #expect(told.map(\.names) == [["+payments", "+gateway"], ["+search"]])
            #expect(told[0].groupLabels == ["alertname": "paymentsBurns"])
            for alert in told[0].alerts {
                let text = try #require(alert.annotations["evidence"])
                #expect(text.hasPrefix("payments makes gateway burn.\n"))
                #expect(text.components(separatedBy: "makes").count == 2)
                #expect(alert.annotations["evidence_culprit"] == "payments")
                #expect(alert.annotations["evidence_together"] == "payments, gateway")
                #expect(alert.sidelight?.evidence.culprit == "payments")
                #expect(alert.sidelight?.evidence.together == ["payments", "gateway"])
            }
            #expect(told[1].alerts[0].annotations["evidence_culprit"] == nil)
            // Nothing more while nothing changes, not under the caller's own key either.
            for _ in 0..<5 {
                shop.lab.advance(seconds: 60)
                try alertmanager.step()
            }
            #expect(try shop.told().isEmpty)
        }
        // The end of both comes under the same key, also after a restart.
        try await shop.with { alertmanager in
            try shop.evaluate("payments", burns: false)
            shop.lab.advance(seconds: 60)
            try alertmanager.step()
            var told = try shop.told()
            #expect(told.map(\.names) == [["+gateway", "-payments"]])
            #expect(told.map(\.groupLabels) == [["alertname": "paymentsBurns"]])
            try shop.evaluate("gateway", burns: false)
            shop.lab.advance(seconds: 60)
            try alertmanager.step()
            told = try shop.told()
            #expect(told.map(\.names) == [["-gateway"]])
            #expect(told.map(\.groupLabels) == [["alertname": "paymentsBurns"]])
            shop.lab.advance(seconds: 600)
            try alertmanager.step()
            #expect(try shop.told().isEmpty)
        }
    }

    @Test("go on under the key that the first of them was told under")
    func later() async throws {
        let shop = BurningLab()
        try await shop.with { alertmanager in
            try shop.evaluate("gateway", burns: true)
            try alertmanager.step()
            shop.lab.advance(seconds: 30)
            try alertmanager.step()
            #expect(try shop.told().map(\.names) == [["+gateway"]])
            shop.lab.advance(seconds: 60)
            try shop.evaluate("payments", burns: true)
            try alertmanager.step()
            shop.lab.advance(seconds: 30)
            try alertmanager.step()
            let told = try shop.told()
            #expect(told.map(\.names) == [["+payments", "+gateway"]])
            #expect(told.map(\.groupLabels) == [["alertname": "gatewayBurns"]])
            let text = told[0].alerts[1].annotations["evidence"]
            #expect(text?.hasPrefix("payments makes gateway burn.") == true)
        }
    }

    @Test("are not told again when one of them ends and nobody wants to hear of ends")
    func withoutResolved() async throws {
        let shop = BurningLab()
        try await shop.with(sendsResolved: false) { alertmanager in
            try shop.evaluate("gateway", burns: true)
            try shop.evaluate("payments", burns: true)
            try alertmanager.step()
            shop.lab.advance(seconds: 30)
            try alertmanager.step()
            #expect(try shop.told().map(\.names) == [["+payments", "+gateway"]])
            for service in ["payments", "gateway"] {
                try shop.evaluate(service, burns: false)
                shop.lab.advance(seconds: 120)
                try alertmanager.step()
                #expect(try shop.told().isEmpty)
            }
        }
    }

    @Test("are told apart where the graph knows of no call")
    func apart() async throws {
        let shop = BurningLab()
        try await shop.with(graph: false) { alertmanager in
            try shop.evaluate("gateway", burns: true)
            try shop.evaluate("payments", burns: true)
            try alertmanager.step()
            shop.lab.advance(seconds: 30)
            try alertmanager.step()
            let told = try shop.told().map(\.names)
            #expect(told.sorted { $0[0] < $1[0] } == [["+gateway"], ["+payments"]])
        }
    }

    @Test("silenced ones are named as the culprit, but not told")
    func silenced() async throws {
        let shop = BurningLab()
        try await shop.with { alertmanager in
            let silence = Silence(
                id: "",
                matchers: [
                    Silence.Matcher(
                        name: "service", value: "payments", isRegex: false, isEqual: true)
                ], startsAt: shop.lab.now,
                endsAt: shop.lab.now.advanced(byNanoseconds: 36_000_000_000_000),
                createdBy: "me", comment: "known")
            _ = try alertmanager.set(silence).get()
            try shop.evaluate("gateway", burns: true)
            try shop.evaluate("payments", burns: true)
            try alertmanager.step()
            shop.lab.advance(seconds: 30)
            try alertmanager.step()
            let told = try shop.told()
            #expect(told.map(\.names) == [["+gateway"]])
            #expect(told.first?.alerts[0].sidelight?.evidence.culprit == "payments")
        }
    }
}
