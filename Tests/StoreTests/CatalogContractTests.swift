import Platform
import Store
import Telemetry
import Testing

@Suite struct CatalogContractTests {
    private let group = RuleGroupKey(file: "rules.yml", name: "availability")
    private func instant(_ seconds: Int64) -> Timestamp { Timestamp(seconds: seconds) }

    private func alert(_ name: String, _ state: AlertState) -> AlertRecord {
        AlertRecord(
            group: group, rule: name, labels: Labels(["alertname": name, "severity": "page"]),
            annotations: [Attribute("summary", .string("it burns"))], state: state, value: 0.25)
    }

    @Test("alert state survives a restart, step by step", arguments: StoreKind.allCases)
    func alerts(kind: StoreKind) throws {
        let store = try StoreUnderTest(kind)
        var change = CatalogChange()
        change.upserts = [
            alert("a", .pending(since: instant(1))),
            alert("b", .firing(since: instant(2), firedAt: instant(3))),
            alert("c", .resolved(at: instant(9), firedAt: instant(4))),
        ]
        try store.catalog.commit(change)
        try store.restart()
        #expect(try store.catalog.alerts(group: group) == change.upserts)
        var second = CatalogChange()
        var sent = alert("a", .firing(since: instant(1), firedAt: instant(5)))
        sent.lastSentAt = instant(6)
        sent.keepFiringSince = instant(7)
        second.upserts = [sent]
        second.removals = [change.upserts[2]]
        second.transitions = [
            AlertTransition(
                at: instant(5), group: group, rule: "a", labels: sent.labels, from: "pending",
                to: "firing", value: 1)
        ]
        try store.catalog.commit(second)
        try store.restart()
        #expect(try store.catalog.alerts(group: group) == [sent, change.upserts[1]])
        #expect(try store.catalog.alertHistory(limit: 10) == second.transitions)
        #expect(
            try store.catalog.alerts(group: RuleGroupKey(file: "other.yml", name: "x")).isEmpty)
        #expect(try store.catalog.alertGroups() == [group])
    }

    @Test(
        "values without a number and without bound stay what they are",
        arguments: StoreKind.allCases)
    func oddValues(kind: StoreKind) throws {
        let store = try StoreUnderTest(kind)
        let values = [Double.nan, .infinity, -.infinity, 1e-300]
        var change = CatalogChange()
        for (index, value) in values.enumerated() {
            var record = alert("v\(index)", .pending(since: instant(1)))
            record.value = value
            change.upserts.append(record)
            change.transitions.append(
                AlertTransition(
                    at: instant(Int64(index)), group: group, rule: record.rule,
                    labels: record.labels, from: "inactive", to: "pending", value: value))
        }
        try store.catalog.commit(change)
        try store.restart()
        let texts = values.map(\.description)
        #expect(try store.catalog.alerts(group: group).map(\.value.description) == texts)
        let history = try store.catalog.alertHistory(limit: 10)
        #expect(history.reversed().map(\.value.description) == texts)
    }

    @Test("a delivery stays due until it is settled", arguments: StoreKind.allCases)
    func outbox(kind: StoreKind) throws {
        let store = try StoreUnderTest(kind)
        var change = CatalogChange()
        for number in 1...3 {
            change.deliveries.append(
                Delivery(
                    receiver: "hook", body: [UInt8(number)], createdAt: instant(1),
                    nextAttemptAt: instant(Int64(number))))
        }
        try store.catalog.commit(change)
        try store.restart()
        #expect(try store.catalog.dueDeliveries(at: instant(0), limit: 10).isEmpty)
        let due = try store.catalog.dueDeliveries(at: instant(2), limit: 10)
        #expect(due.map(\.body) == [[1], [2]])
        try store.catalog.settle(due[0].id, .delivered)
        try store.catalog.settle(due[1].id, .retry(at: instant(30), error: "503"))
        try store.restart()
        #expect(try store.catalog.dueDeliveries(at: instant(29), limit: 10).map(\.body) == [[3]])
        let again = try store.catalog.dueDeliveries(at: instant(30), limit: 10)
        #expect(again.map(\.body) == [[2], [3]])
        #expect(again[0].attempts == 1)
        #expect(again[0].lastError == "503")
        let waiting = try store.catalog.waitingDeliveries(to: "hook", after: 0, limit: 10)
        #expect(waiting.map(\.body) == [[2], [3]])
        #expect(try store.catalog.waitingDeliveries(to: "other", after: 0, limit: 10).isEmpty)
        let later = try store.catalog.waitingDeliveries(
            to: "hook", after: waiting[0].id, limit: 10)
        #expect(later.map(\.body) == [[3]])
        #expect(try store.catalog.waitingReceivers() == ["hook"])
        try store.catalog.settle(again[0].id, .failed(error: "410"))
        try store.catalog.settle(again[1].id, .delivered)
        #expect(try store.catalog.dueDeliveries(at: instant(1_000), limit: 10).isEmpty)
        #expect(try store.catalog.waitingReceivers().isEmpty)
    }
}

@Suite struct NotifierStoreTests {
    @Test("what the dispatcher remembers survives a restart, all of a change or nothing")
    func records() throws {
        for kind in StoreKind.allCases where kind != .sqliteSealed {
            let store = try StoreUnderTest(kind)
            let notifier = try #require(store.catalog as? any NotifierStore)
            var change = NotifierChange()
            change.puts = [
                NotifierRecord(kind: .alert, key: "a", body: [1]),
                NotifierRecord(kind: .alert, key: "b", body: [2]),
                NotifierRecord(kind: .silence, key: "a", body: [3]),
                NotifierRecord(kind: .notified, key: "{a=\"ä\"}\u{1F}x", body: [5]),
                NotifierRecord(kind: .notified, key: "{a=\"ä\"}\u{1F}y", body: [6]),
            ]
            change.deliveries = [
                Delivery(
                    receiver: "r", body: [9], createdAt: .zero, nextAttemptAt: .zero)
            ]
            try notifier.commit(change)
            var second = NotifierChange()
            second.puts = [NotifierRecord(kind: .alert, key: "b", body: [4])]
            second.removals = [(kind: .alert, key: "a")]
            try notifier.commit(second)
            try store.restart()
            let again = try #require(store.catalog as? any NotifierStore)
            #expect(
                try again.notifierRecords(.alert) == [
                    NotifierRecord(kind: .alert, key: "b", body: [4])
                ])
            #expect(try again.notifierRecords(.silence).map(\.body) == [[3]])
            #expect(try again.notifierRecords(.notified).map(\.body) == [[5], [6]])
            let log = try again.deliveryLog(limit: 5)
            #expect(log.map(\.state) == [.due])
            var taken = NotifierChange()
            taken.taken = log.map(\.delivery.id)
            try again.commit(taken)
            #expect(try again.deliveryLog(limit: 5).isEmpty)
            #expect(try store.catalog.dueDeliveries(at: .distantFuture, limit: 5).isEmpty)
        }
    }
}
