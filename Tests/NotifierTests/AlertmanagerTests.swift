import Notifier
import Platform
import Store
import Synchronization
import Telemetry
import Testing

/// A catalog that can be full, over one in memory.
final class FullCatalog: Catalog, NotifierStore {
    let memory: MemoryStore
    let isFull = Atomic(false)

    init(_ memory: MemoryStore) { self.memory = memory }

    private func check() throws(StoreError) {
        if isFull.load(ordering: .acquiring) {
            throw .writeFailed(path: "catalog.db", reason: "No space left on device")
        }
    }

    func alerts(group: RuleGroupKey) throws(StoreError) -> [AlertRecord] {
        try memory.alerts(group: group)
    }
    func commit(_ change: CatalogChange) throws(StoreError) {
        try check()
        try memory.commit(change)
    }
    func alertHistory(limit: Int) throws(StoreError) -> [AlertTransition] {
        try memory.alertHistory(limit: limit)
    }
    func dueDeliveries(at now: Timestamp, limit: Int) throws(StoreError) -> [Delivery] {
        try memory.dueDeliveries(at: now, limit: limit)
    }
    func settle(_ delivery: Int64, _ outcome: DeliveryOutcome) throws(StoreError) {
        try check()
        try memory.settle(delivery, outcome)
    }
    func alertGroups() throws(StoreError) -> Set<RuleGroupKey> { try memory.alertGroups() }
    func notifierRecords(_ kind: NotifierRecord.Kind) throws(StoreError) -> [NotifierRecord] {
        try memory.notifierRecords(kind)
    }
    func commit(_ change: NotifierChange) throws(StoreError) {
        try check()
        try memory.commit(change)
    }
    func deliveryLog(limit: Int) throws(StoreError) -> [DeliveryLogEntry] {
        try memory.deliveryLog(limit: limit)
    }
}

@Suite("Alertmanager and its catalog", .timeLimit(.minutes(5))) struct AlertmanagerTests {
    private func config(_ port: Int) throws -> AlertmanagerConfig {
        try AlertmanagerConfig.parse(
            """
            route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 10s}
            receivers:
              - name: hook
                webhook_configs: [{url: "http://127.0.0.1:\(port)/a"}]
            """, path: "am.yml")
    }

    /// Runs `body` with an Alertmanager on the lab's catalog, and ends it.
    private func with(
        _ lab: OutboxLab, _ catalog: FullCatalog, port: Int,
        _ body: (Alertmanager, NotifierLoop) async throws -> Void
    ) async throws {
        let carrier = HTTPCarrier.patient
        let loop = NotifierLoop(
            catalog: catalog, receivers: [], clock: lab.clock, random: SeededRandom(seed: lab.seed),
            events: lab.events, sender: WebhookSender(carrier))
        let alertmanager = try Alertmanager(
            config: try config(port), externalURL: "http://here", store: catalog, loop: loop,
            carrier: carrier, clock: lab.clock, random: SeededRandom(seed: lab.seed),
            events: lab.events)
        try await body(alertmanager, loop)
        alertmanager.shutdown()
        await loop.shutdown()
    }

    /// What rules put into the catalog.
    private func tell(
        _ lab: OutboxLab, _ catalog: FullCatalog, _ status: AlertNotification.Status = .firing
    ) throws {
        var change = CatalogChange()
        change.deliveries = Alertmanager.builder(
            AlertNotification(
                group: RuleGroupKey(file: "r.yml", name: "g"), status: status, at: lab.now,
                externalURL: "http://here",
                alerts: [
                    AlertNotice(
                        labels: Labels(["alertname": "Busy", "severity": "page"]),
                        annotations: [Attribute("summary", .string("it burns"))],
                        startsAt: lab.now, endsAt: status == .firing ? nil : lab.now,
                        generatorURL: "http://here/graph")
                ]))
        try catalog.commit(change)
    }

    @Test(
        "an alert of a rule is grouped, delivered once and ended, over ends of the program anywhere"
    )
    func restarts() async throws {
        let lab = OutboxLab()
        let catalog = FullCatalog(lab.store)
        try await WebhookServer.with([.answer(200)]) { server in
            try tell(lab, catalog)
            // Each of these programs dies right after one step.
            try await with(lab, catalog, port: server.port) { alertmanager, _ in
                lab.advance(seconds: 1)
                try alertmanager.step()
            }
            #expect(server.requests.isEmpty)
            #expect(try lab.waiting().map(\.receiver) == ["hook/webhook[0]"])
            for _ in 0..<3 {
                try await with(lab, catalog, port: server.port) { alertmanager, loop in
                    try alertmanager.step()
                    await loop.deliverDue()
                    lab.advance(seconds: 30)
                    try alertmanager.step()
                    await loop.deliverDue()
                }
            }
            #expect(server.requests.count == 1)
            try tell(lab, catalog, .resolved)
            for _ in 0..<3 {
                try await with(lab, catalog, port: server.port) { alertmanager, loop in
                    try alertmanager.step()
                    lab.advance(seconds: 30)
                    try alertmanager.step()
                    await loop.deliverDue()
                }
            }
            let statuses = server.bodies.map { $0.contains("\"status\":\"resolved\"") }
            #expect(statuses == [false, true])
            #expect(server.bodies[0].contains("\"groupKey\":\"{}:{alertname=\\\"Busy\\\"}\""))
        }
        #expect(try lab.waiting().isEmpty)
        #expect(try catalog.notifierRecords(.alert).isEmpty)
    }

    @Test("while the catalog takes nothing nothing is told; afterwards everything is, once")
    func fullDisk() async throws {
        let lab = OutboxLab()
        let catalog = FullCatalog(lab.store)
        try await WebhookServer.with([.answer(200)]) { server in
            try tell(lab, catalog)
            try await with(lab, catalog, port: server.port) { alertmanager, loop in
                lab.advance(seconds: 1)
                catalog.isFull.store(true, ordering: .releasing)
                for _ in 0..<3 {
                    #expect(throws: StoreError.self) { try alertmanager.step() }
                    await loop.deliverDue()
                    lab.advance(seconds: 20)
                }
                #expect(server.requests.isEmpty)
                #expect(alertmanager.snapshot.alerts.isEmpty)
                catalog.isFull.store(false, ordering: .releasing)
                try alertmanager.step()
                // Delivered, but the disk is full again when that is to be written down.
                catalog.isFull.store(true, ordering: .releasing)
                for _ in 0..<5 {
                    await loop.deliverDue()
                    lab.advance(seconds: 400)
                }
                #expect(server.requests.count == 1)
                catalog.isFull.store(false, ordering: .releasing)
                await loop.deliverDue()
                try alertmanager.step()
                await loop.deliverDue()
                #expect(server.requests.count == 1)
            }
        }
        #expect(try lab.waiting().isEmpty)
    }

    @Test("failures of delivery are counted by Alertmanager's names, and shown with their reason")
    func counters() async throws {
        let lab = OutboxLab()
        let catalog = FullCatalog(lab.store)
        try await WebhookServer.with([.answer(500), .answer(400)]) { server in
            try tell(lab, catalog)
            try await with(lab, catalog, port: server.port) { alertmanager, loop in
                func count(_ name: String, _ more: String...) -> UInt64 {
                    lab.events.count("alertmanager_\(name)", labels: ["webhook"] + more)
                }
                #expect(
                    lab.events.readings().contains { $0.name == "alertmanager_notifications_total" }
                )
                lab.advance(seconds: 1)
                try alertmanager.step()
                await loop.deliverDue()
                #expect(count("notification_requests_total") == 1)
                #expect(count("notification_requests_failed_total") == 1)
                #expect(count("notifications_total") == 0)
                lab.advance(seconds: 5)
                await loop.deliverDue()
                #expect(count("notifications_total") == 1)
                #expect(count("notifications_failed_total", "clientError") == 1)
                let entry = try alertmanager.deliveryLog(limit: 10)[0]
                #expect(entry.state == .due)
                #expect(entry.delivery.lastError.hasPrefix("answered 400"))
                func reading(_ name: String, _ labels: String...) -> Double? {
                    lab.events.readings().first {
                        $0.name == "alertmanager_\(name)" && $0.labels.map(\.value) == labels
                    }?.value
                }
                #expect(reading("notification_latency_seconds_count", "webhook") == 2)
                #expect(reading("notification_latency_seconds_bucket", "webhook", "+Inf") == 2)
                #expect(reading("alerts", "active") == 1)
                #expect(reading("alerts", "suppressed") == 0)
                #expect(reading("silences", "expired") == 0)
            }
        }
    }

    @Test("thousands of messages that wait for a dead receiver do not hide what rules tell")
    func backlog() async throws {
        let lab = OutboxLab()
        let catalog = FullCatalog(lab.store)
        var dead = CatalogChange()
        dead.deliveries = (0..<10_001).map { number in
            Delivery(
                receiver: "dead", body: Array("{\(number)}".utf8), createdAt: lab.now,
                nextAttemptAt: lab.now)
        }
        try catalog.commit(dead)
        try await WebhookServer.with([.answer(404), .answer(404), .answer(200)]) { server in
            try tell(lab, catalog)
            try await with(lab, catalog, port: server.port) { alertmanager, loop in
                lab.advance(seconds: 1)
                try alertmanager.step()
                #expect(alertmanager.snapshot.alerts.count == 1)
                #expect(try lab.store.waitingReceivers() == ["dead", "hook/webhook[0]"])
                // At the group's interval, which is 10 s.
                for _ in 0..<5 {
                    lab.advance(seconds: 5)
                    try alertmanager.step()
                    await loop.deliverDue()
                }
                #expect(server.requests.count == 3)
            }
        }
        #expect(try lab.waiting().isEmpty, "nobody claims the others")
    }

    @Test("another configuration delivers elsewhere while the loop runs")
    func replaced() async throws {
        let lab = OutboxLab()
        let catalog = FullCatalog(lab.store)
        try await WebhookServer.with([.answer(200)]) { first in
            try await WebhookServer.with([.answer(200)]) { second in
                try await with(lab, catalog, port: first.port) { alertmanager, loop in
                    let running = Task { await loop.run() }
                    try tell(lab, catalog)
                    lab.advance(seconds: 1)
                    try alertmanager.step()
                    while first.requests.isEmpty { try await lab.waitALittle() }
                    alertmanager.replace(try config(second.port))
                    try tell(lab, catalog, .resolved)
                    lab.advance(seconds: 20)
                    try alertmanager.step()
                    while second.requests.isEmpty { try await lab.waitALittle() }
                    running.cancel()
                    await running.value
                    #expect(first.requests.count == 1)
                }
            }
        }
    }
}
