import Platform
import PromQL
import QueryCore
import Rules
import Store
import Telemetry
import Testing

@Suite("Evidence of an alert")
struct EvidenceTests {
    @Test("names traces, route, version, hop, lines and the time of the change")
    func everything() throws {
        let lab = EvidenceLab()
        lab.fill()
        let evidence = try #require(lab.gather(["service": "payments"]).first)
        #expect(evidence.notes == [])
        #expect(evidence.service == "payments")
        #expect(evidence.badCount == 75)
        #expect(evidence.exemplars.count == 5)
        #expect(Set(evidence.exemplars.map(\.traceID)).count == 5)
        #expect(evidence.exemplars.first?.traceID == TraceID(high: 1, low: 599))
        #expect(evidence.route == .init(name: "/pay/{id}", share: 1))
        #expect(evidence.version == .init(name: "v2", share: 1))
        #expect(evidence.upstream == .init(name: "bank", share: 1))
        #expect(evidence.failingHop == .init(name: "bank v7: SELECT", share: 1))
        #expect(evidence.lines.count == 5)
        #expect(evidence.lines.first == "POST /pay/598 503")
        let change = try #require(evidence.change)
        #expect(abs(change.at.seconds - 4_500) <= 30, "\(change)")
        #expect(change.before == 0)
        #expect(abs(change.after - 0.5) < 0.05)
        let annotations = evidence.annotations(server: "http://here")
        let links = annotations.first { $0.key == "evidence_traces" }?.value.text ?? ""
        #expect(links.split(separator: "\n").count == 5)
        #expect(links.hasPrefix("http://here/ui/trace/\(TraceID(high: 1, low: 599).hex)?span="))
        #expect(annotations.contains { $0.key == "evidence" && $0.value.text.contains("75 bad") })
    }

    @Test("of an objective over counters alone is since when, and of which route and version")
    func counters() throws {
        let lab = EvidenceLab()
        // Of two versions one fails for the last half hour on two of its routes.
        for second in stride(from: 0.0, through: 7_200, by: 30) {
            let (count, failed) = (second / 3, max(0, second - 5_400) / 10)
            for (route, share) in [("/pay", 3.0), ("/refund", 1)] {
                for (version, bad) in [("v1", 0), ("v2", failed * share)] {
                    func set(_ code: String, _ value: Double) {
                        lab.lab.set(
                            "requests_total",
                            ["code": code, "route": route, "version": version, "job": "shop"],
                            value,
                            at: second)
                    }
                    set("200", count)
                    set("503", bad)
                }
            }
        }
        let objectives = SLOReading.read(SLOReading.sloth()).objectives
        let collector = EvidenceCollector(
            spans: lab.lab.store, logs: lab.lab.store, metrics: lab.lab.store,
            objectives: { objectives })
        func gather(at second: Double) throws -> AlertEvidence {
            let now = Timestamp(second: second)
            let labels: KeyValuePairs = ["sloth_id": "shop-availability", "sloth_service": "shop"]
            let subject = EvidenceSubject(labels: Labels(labels), expression: nil, firedAt: now)
            return try #require(
                collector.gather([subject], at: now, context: QueryContext()).first)
        }
        let evidence = try gather(at: 7_200)
        #expect(evidence.service == "shop")
        let change = try #require(evidence.change)
        #expect(abs(change.at.seconds - 5_400) <= 60, "\(change)")
        #expect(change.before == 0)
        #expect(abs(change.after - 0.4 / (4.0 / 3 + 0.4)) < 0.02, "\(change)")
        #expect(abs(evidence.badCount - 720) < 40, "\(evidence.badCount)")
        #expect(evidence.version == .init(name: "v2", share: 1))
        let route = try #require(evidence.route)
        #expect(route.name == "/pay")
        #expect(abs(route.share - 0.75) < 0.001)
        #expect(evidence.notes == ["no traces of bad events of shop"])
        #expect(
            evidence.text.contains("bad events of shop since 1970-01-01T01:"), "\(evidence.text)")
        #expect(evidence.text.contains("% of the budget is spent"), "\(evidence.text)")
        // Asked for again a little later it has begun at the same time.
        #expect(try gather(at: 7_215).change?.at == change.at)
        // Nothing bad has no beginning.
        let before = try gather(at: 5_000)
        #expect(before.change == nil)
        #expect(before.badCount == 0)
        #expect(before.route == nil)
    }

    @Test("is told to programs field by field")
    func page() throws {
        let lab = EvidenceLab()
        lab.fill()
        let found = try #require(lab.gather(["service": "payments"]).first)
        let page = found.page(server: "http://here")
        #expect(page.service == "payments")
        #expect(page.badEvents == 75)
        #expect(page.exemplars.count == 5)
        for (told, one) in zip(page.exemplars, found.exemplars) {
            #expect(told.traceId == one.traceID.hex)
            #expect(told.link == "http://here/ui/trace/\(one.traceID.hex)?span=\(one.spanID.hex)")
        }
        #expect(page.version == PageEvidence.Share(name: "v2", share: 1))
        #expect(page.route?.name == "/pay/{id}")
        #expect(page.upstream?.name == "bank")
        #expect(page.failingHop?.name == "bank v7: SELECT")
        #expect(page.lines == found.lines)
        #expect(page.changedAt != nil && page.badShareBefore == 0)
        #expect(page.remaining == nil && page.exhaustedInSeconds == nil)
    }

    @Test("finds the service by the labels that the expression selects, and by its parts of names")
    func names() throws {
        let lab = EvidenceLab()
        lab.fill()
        let expression = try PromQLEngine.parse(
            #"sum(rate(istio_requests_total{destination_service="payments.shop.svc"}[5m])) > 1"#)
        let subject = EvidenceSubject(
            labels: Labels(["job": "rules"]), expression: expression, firedAt: EvidenceLab.end)
        let found = lab.collector.gather([subject], at: EvidenceLab.end, context: QueryContext())
        #expect(found.first?.service == "payments")
        #expect(lab.gather(["job": "shop/payments"]).first?.service == "payments")
    }

    @Test("weighs sampled spans by what they stand for")
    func weights() throws {
        let lab = EvidenceLab()
        // Of eight only one was kept, and two that were not sampled at all.
        lab.request(0, at: 4_000, fails: true, traceState: "vendor=1,ot=th:e")
        lab.request(1, at: 4_010, fails: true)
        lab.request(3, at: 4_020, fails: true)
        let evidence = try #require(lab.gather(["service": "payments"]).first)
        #expect(evidence.badCount == 10)
        #expect(evidence.version == .init(name: "v2", share: 0.8))
        #expect(SamplingWeight.weight(traceState: "ot=th:8") == 2)
        #expect(SamplingWeight.weight(traceState: "ot=rv:ab;th:c") == 4)
        #expect(SamplingWeight.weight(traceState: "ot=p:3;r:5") == 8)
        for text in ["", "ot=", "ot=th:", "ot=th:xyz", "th:8", "ot=p:999", "ot=th:0"] {
            #expect(SamplingWeight.weight(traceState: text) == 1, "\(text)")
        }
    }

    @Test("says what is missing")
    func missing() {
        let lab = EvidenceLab()
        #expect(lab.gather(["severity": "page"]).first?.notes.first?.hasPrefix("no traces") == true)
        #expect(
            lab.gather(["service": "nobody"]).first?.notes == [
                "no traces of bad events of nobody"
            ])
        let context = QueryContext()
        context.cancel()
        lab.fill()
        let late = lab.collector.gather(
            [lab.subject(["service": "payments"])], at: EvidenceLab.end, context: context)
        #expect(late.first?.notes.contains { $0.contains("not late") } == true)
    }

    @Test("of callers and callees that burn together names the culprit, and tells it first")
    func culprits() throws {
        let lab = EvidenceLab()
        lab.fill()
        for time in [4_000.0, 4_790] {
            for (client, server) in [("gateway", "payments"), ("payments", "bank")] {
                lab.lab.set(
                    "traces_service_graph_request_total", ["client": client, "server": server],
                    time, at: time)
            }
        }
        let gathered = lab.gather(["service": "gateway"], ["service": "payments"])
        #expect(gathered.map(\.culprit) == ["payments", "payments"])
        #expect(gathered[0].together == ["payments", "gateway"])
        #expect(gathered.map(\.isCulprit) == [false, true])
        #expect(gathered[0].text.hasPrefix("payments makes gateway burn."))
        // An alert that fires already counts, too.
        lab.lab.set("ALERTS", ["alertstate": "firing", "service": "gateway"], 1, at: 4_790)
        #expect(lab.gather(["service": "payments"]).first?.together == ["payments", "gateway"])
    }

    @Test("rides along with the page of a rule, and never with what has ended")
    func ridesAlong() throws {
        let lab = EvidenceLab()
        lab.fill()
        let desk = EvidenceDesk(
            lab.collector, clock: ManualClock(wallNanoseconds: 0), waitMax: 300_000_000_000)
        defer { desk.stop() }
        var environment = lab.lab.environment
        environment.evidence = { subjects, now in desk.gather(subjects, at: now) }
        environment.notifications = { notification in
            let texts = notification.alerts.map { alert in
                alert.annotations.map { "\($0.key)=\($0.value.text)" }.joined(separator: "|")
            }
            return [
                Delivery(
                    receiver: "test", body: Array("\(notification.status) \(texts)".utf8),
                    createdAt: notification.at, nextAttemptAt: notification.at)
            ]
        }
        lab.lab.set("broken", 1, at: 4_800)
        let file = try RuleFile.parse(
            RuleLab.file(
                "- alert: Broken\n  expr: broken > 0\n  labels: {service: payments}\n"
                    + "  annotations: {summary: oh}"), path: "rules.yml")
        var group = try RuleGroupEvaluator(
            file.groups[0], in: environment, at: Timestamp(second: 4_800))
        group.evaluate(at: 4_800)
        lab.lab.set("broken", 0, at: 4_860)
        group.evaluate(at: 4_860)
        let told = try lab.lab.told()
        #expect(told.count == 2)
        #expect(told[0].contains("summary=oh|evidence="))
        #expect(told[0].contains("evidence_failing_hop=bank v7: SELECT (100 %)"))
        #expect(told[1] == "resolved [\"summary=oh\"]")
    }

    @Test("that was found lately is said again, and looked for anew after a while")
    func repeated() throws {
        let lab = EvidenceLab()
        lab.fill()
        let clock = ManualClock(wallNanoseconds: 0)
        let desk = EvidenceDesk(lab.collector, clock: clock, waitMax: 300_000_000_000)
        defer { desk.stop() }
        func count() -> Double {
            desk.gather([lab.subject(["service": "payments"])], at: EvidenceLab.end)
                .first?.badCount ?? 0
        }
        #expect(count() == 75)
        lab.request(9_000, at: EvidenceLab.end.seconds - 1, fails: true)
        #expect(count() == 75)
        clock.advance(byNanoseconds: 300_000_000_000)
        #expect(count() == 76)
    }

    @Test("is left out while so much fires that other rules would be late")
    func flood() throws {
        let lab = EvidenceLab()
        let clock = ManualClock(wallNanoseconds: 0)
        let slow = SlowSpans(lab.lab.store, clock)
        let collector = EvidenceCollector(
            spans: slow, logs: lab.lab.store, metrics: lab.lab.store, objectives: { [] })
        let desk = EvidenceDesk(collector, clock: clock, waitMax: 300_000_000_000)
        defer { desk.stop() }
        let notes = (0..<6).map { number in
            desk.gather([lab.subject(["service": "s\(number)"])], at: EvidenceLab.end)[0].notes
        }
        #expect(notes.first?.first?.contains("so much fires") == false)
        #expect(
            notes.last == ["no evidence: so much fires that gathering it would hold up other rules"]
        )
        clock.advance(byNanoseconds: 10_000_000_000)
        let later = desk.gather([lab.subject(["service": "x"])], at: EvidenceLab.end)
        #expect(later[0].notes.first?.contains("so much fires") == false)
    }

    @Test("that takes too long does not hold the page up")
    func late() throws {
        let lab = EvidenceLab()
        lab.fill()
        let stuck = StuckSpans(lab.lab.store)
        let collector = EvidenceCollector(
            spans: stuck, logs: lab.lab.store, metrics: lab.lab.store, objectives: { [] })
        let desk = EvidenceDesk(collector, clock: SystemClock(), waitMax: 50_000_000)
        let gathered = desk.gather([lab.subject(["service": "payments"])], at: EvidenceLab.end)
        #expect(
            gathered.map(\.notes) == [["no evidence: it could not be gathered within a second"]])
        stuck.release()
        desk.stop()
    }
}

/// A store of spans whose reads wait.
private final class StuckSpans: SpanStore {
    private let inner: MemoryStore
    private let gate = WakeUp()

    init(_ inner: MemoryStore) { self.inner = inner }

    func release() { gate.signal() }

    func append(
        spans batch: SpanBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        inner.append(spans: batch, digest: digest, completion: completion)
    }

    func trace(_ id: TraceID) throws(StoreError) -> SpanBatch { try inner.trace(id) }

    func scanSpans(
        _ predicate: SpanPredicate, in range: TimeRange,
        visit: (_ matches: SpanBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        gate.wait(nanoseconds: 60_000_000_000)
        try inner.scanSpans(predicate, in: range, visit: visit)
        gate.signal()
    }

    func spanValues(
        of field: SpanField, matching predicate: SpanPredicate, in range: TimeRange, limit: Int
    ) throws(StoreError) -> [String] {
        try inner.spanValues(of: field, matching: predicate, in: range, limit: limit)
    }
}

/// A store of spans whose every read takes 600 ms of the clock.
private final class SlowSpans: SpanStore {
    private let inner: MemoryStore
    private let clock: ManualClock

    init(_ inner: MemoryStore, _ clock: ManualClock) {
        self.inner = inner
        self.clock = clock
    }

    func append(
        spans batch: SpanBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        inner.append(spans: batch, digest: digest, completion: completion)
    }

    func trace(_ id: TraceID) throws(StoreError) -> SpanBatch { try inner.trace(id) }

    func scanSpans(
        _ predicate: SpanPredicate, in range: TimeRange,
        visit: (_ matches: SpanBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        clock.advance(byNanoseconds: 600_000_000)
        try inner.scanSpans(predicate, in: range, visit: visit)
    }

    func spanValues(
        of field: SpanField, matching predicate: SpanPredicate, in range: TimeRange, limit: Int
    ) throws(StoreError) -> [String] {
        try inner.spanValues(of: field, matching: predicate, in: range, limit: limit)
    }
}
