import PromQL
import QueryCore
import Rules
import Store
import Telemetry
import Testing

@Suite("Budgets from spans and lines")
struct EventLedgerTests {
    private static let spans = """
        apiVersion: openslo/v1
        kind: SLO
        metadata: {name: pay}
        spec:
          service: shop
          indicator:
            metadata: {name: fast}
            spec:
              ratioMetric:
                bad:
                  metricSource:
                    type: TraceQL
                    spec:
                      query: '{ resource.service.name = "payments" && (status = error || duration > 1s) }'
                total:
                  metricSource:
                    type: TraceQL
                    spec: {query: '{ resource.service.name = "payments" }'}
          timeWindow: [{duration: 30d, isRolling: true}]
          budgetingMethod: Occurrences
          objectives: [{target: 0.9}]
        """

    private static let lines = """
        version: prometheus/v1
        service: shop
        slos:
          - name: lines
            objective: 99
            sli:
              plugin:
                id: sidelight/logql
                options:
                  error_query: '{service_name="payments"} |= " 503"'
                  total_query: '{service_name="payments"}'
            alerting: {name: Lines, ticket_alert: {disable: "true"}}
        """

    private func objective(_ text: String) throws -> ServiceLevelObjective {
        let read = SLOReading.read(text)
        return try #require(read.objectives.first, "\(read.mistakes)")
    }

    private func ledger(_ lab: EvidenceLab) -> EventLedger {
        EventLedger(spans: lab.lab.store, logs: lab.lab.store, metrics: lab.lab.store)
    }

    private func ratio(_ objective: ServiceLevelObjective, _ lab: RuleLab, at time: Int64) throws
        -> Double?
    {
        try ErrorBudget(of: objective, over: lab.store)
            .readings(at: time, context: QueryContext()).first?.errorRatio
    }

    private func update(
        _ ledger: EventLedger, _ objective: ServiceLevelObjective, at time: Int64
    ) throws {
        for source in objective.sources {
            try ledger.update(source, at: time, period: objective.windows.period)
        }
    }

    /// The same events by a property of theirs.
    private static let byVersion = lines.replacing(
        "sidelight/logql", with: "sidelight/traceql"
    ).replacing(
        "'{service_name=\"payments\"} |= \" 503\"'",
        with: "'{ resource.service.name = \"payments\" && status = error }'"
    ).replacing(
        "total_query: '{service_name=\"payments\"}'",
        with: "total_query: '{ resource.service.name = \"payments\" }'\n"
            + "          group_by: resource.service.version, http.route")
    private static let byService = lines.replacing(
        "total_query: '{service_name=\"payments\"}'",
        with: "total_query: '{service_name=\"payments\"}'\n          group_by: service_name")

    @Test("have one for each value of what they are grouped by")
    func grouped() throws {
        let lab = EvidenceLab()
        lab.fill()
        let end = EvidenceLab.end.milliseconds
        for (text, expected) in [
            (
                Self.byVersion,
                [
                    #"{http_route="/pay/{id}", resource_service_version="v1"} 0"#,
                    #"{http_route="/pay/{id}", resource_service_version="v2"} 0.25"#,
                ]
            ), (Self.byService, [#"{service_name="payments"} 0.125"#]),
        ] {
            let objective = try objective(text)
            try update(ledger(lab), objective, at: end)
            let readings = try ErrorBudget(of: objective, over: lab.lab.store)
                .readings(at: end, context: QueryContext())
            let found = readings.map { reading in
                "\(reading.labels) \(NumberFormat.decimal(reading.errorRatio ?? -1))"
            }
            #expect(found.sorted() == expected)
        }
        let wrong = Self.byVersion.replacing("version, http.route", with: "version,, http-route")
        #expect(SLOReading.mistakes(wrong).first?.contains("names between commas") == true)
    }

    @Test("have their history at once, and every event counts once", arguments: [spans, lines])
    func history(text: String) throws {
        let lab = EvidenceLab()
        lab.fill()
        let objective = try objective(text)
        #expect(objective.sources.count == 2)
        let end = EvidenceLab.end.milliseconds
        let ledger = ledger(lab)
        try update(ledger, objective, at: end)
        #expect(try ratio(objective, lab.lab, at: end) == 75.0 / 600)
        // Counting again, and a new run after a restart, count nothing twice.
        try update(ledger, objective, at: end + 1)
        try update(self.ledger(lab), objective, at: end + 61_000)
        #expect(try ratio(objective, lab.lab, at: end + 61_000) == 75.0 / 600)
        #expect(ledger.countedFrom(objective.sources[0]) == 0)
        // Counts outlive what was counted: spans and lines are kept for a shorter time than metrics.
        let empty = EvidenceLab()
        let later = EventLedger(
            spans: empty.lab.store, logs: empty.lab.store, metrics: lab.lab.store)
        try update(later, objective, at: end + 122_000)
        #expect(try ratio(objective, lab.lab, at: end + 122_000) == 75.0 / 600)
    }

    @Test("take up what comes late, for ten minutes")
    func late() throws {
        let lab = EvidenceLab()
        lab.fill()
        let objective = try objective(Self.spans)
        let ledger = ledger(lab)
        let end = EvidenceLab.end.milliseconds
        try update(ledger, objective, at: end)
        lab.request(9_000, at: EvidenceLab.end.seconds - 500, fails: true)
        try update(ledger, objective, at: end + 15_000)
        #expect(try ratio(objective, lab.lab, at: end + 15_000) == 75.0 / 600)
        try update(ledger, objective, at: end + 61_000)
        #expect(try ratio(objective, lab.lab, at: end + 61_000) == 76.0 / 601)
    }

    @Test("go on at once after the clock was set back")
    func clock() throws {
        let lab = EvidenceLab()
        lab.fill()
        let objective = try objective(Self.spans)
        let ledger = ledger(lab)
        let end = EvidenceLab.end.milliseconds
        try update(ledger, objective, at: end + 7_200_000)
        lab.request(9_000, at: EvidenceLab.end.seconds - 5, fails: true)
        try update(ledger, objective, at: end)
        #expect(try ratio(objective, lab.lab, at: end) == 76.0 / 601)
    }

    @Test("weigh sampled spans by what they stand for")
    func weights() throws {
        let lab = EvidenceLab()
        lab.request(0, at: 4_000, fails: true, traceState: "ot=th:e")
        lab.request(1, at: 4_001, fails: false, traceState: "ot=th:c")
        let objective = try objective(Self.spans)
        try update(ledger(lab), objective, at: 4_100_000)
        #expect(try ratio(objective, lab.lab, at: 4_100_000) == 8.0 / 12)
    }

    @Test("agree with events counted one by one, over any window")
    func property() throws {
        var random = SeededGenerator(seed: 23)
        let lab = EvidenceLab()
        let objective = try objective(Self.spans)
        let ledger = ledger(lab)
        var events: [(time: Int64, bad: Bool)] = []
        for number in 0..<UInt64(400) {
            // Multiples of the bucket, where windows are exact.
            let time = Int64.random(in: 0..<5_000, using: &random) * EventSource.bucket
            let bad = Bool.random(using: &random)
            lab.request(number, at: Double(time) / 1_000, fails: bad)
            // The payment begins 3 ms after its request.
            events.append((time + 3, bad))
        }
        let end = 5_000 * EventSource.bucket
        try update(ledger, objective, at: end)
        let engine = ErrorBudget(of: objective, over: lab.lab.store)
        let reading = try #require(try engine.readings(at: end, context: QueryContext()).first)
        for (window, rate) in reading.burnRates {
            let own = events.filter { $0.time > end - window }
            let expected =
                own.isEmpty ? nil : Double(own.count { $0.bad }) / Double(own.count) / 0.1
            #expect(
                abs((rate ?? -1) - (expected ?? -1)) < 1e-9,
                "\(window) \(rate ?? -1) \(expected ?? -1)")
        }
    }

    @Test("page by rules that count before they are evaluated")
    func alerts() throws {
        let lab = EvidenceLab()
        lab.fill()
        var environment = lab.lab.environment
        environment.ledger = ledger(lab)
        let engine = try RuleEngine(
            files: [], objectives: [try objective(Self.lines)], in: environment)
        engine.evaluateDue(at: EvidenceLab.end)
        let rules = engine.snapshot().flatMap(\.rules)
        #expect(rules.map(\.lastError).filter { !$0.isEmpty } == [])
        let page = try #require(rules.first { $0.kind == .alerting })
        #expect(page.name == "Lines")
        // Of the last half hour and of all there is 12.5 % are bad, more than six times 1 %.
        #expect(page.state == "firing")
        #expect((page.alerts.first?.value ?? 0) > 0.1)
    }

    @Test("refuse queries that yield no events, with file and line")
    func refused() {
        for (wrong, says) in [
            ("'{ } | rate()'", "yields series"), ("'{ wrong'", "parse error"),
        ] {
            let text = Self.spans.replacing(
                "{query: '{ resource.service.name = \"payments\" }'}", with: "{query: \(wrong)}")
            let mistakes = SLOReading.mistakes(text)
            #expect(mistakes.count == 1)
            #expect(mistakes.first?.contains(says) == true, "\(mistakes)")
            #expect(mistakes.first?.hasPrefix("slo.yml:") == true)
        }
    }
}
