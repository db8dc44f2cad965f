import QueryCore
import Rules
import Store
import Telemetry
import Testing

@Suite("Backtests of rules over logs, traces and objectives")
struct BacktestSourcesTests {
    /// `labels fired-resolved` of what evaluations minute by minute give, in seconds.
    private static func live(
        _ groups: [RuleGroup], _ lab: RuleLab, from: Int64, through: Int64
    ) throws -> [String] {
        for group in groups {
            var evaluator = try RuleGroupEvaluator(
                group, in: lab.environment, at: Timestamp(second: Double(from)))
            for second in stride(from: from, through: through, by: 60) {
                let outcome = evaluator.evaluate(at: Double(second))
                #expect(outcome.failures.isEmpty, "\(outcome.failures)")
            }
        }
        var open: [Labels: Int64] = [:]
        var firings: [String] = []
        for transition in try lab.store.alertHistory(limit: 100_000).reversed() {
            let time = transition.at.milliseconds / 1_000
            if transition.to == "firing" { open[transition.labels] = time }
            if transition.from == "firing", let start = open.removeValue(forKey: transition.labels)
            {
                firings.append("\(transition.labels) \(start)-\(time)")
            }
        }
        return (firings + open.map { "\($0.key) \($0.value)-" }).sorted()
    }

    private static func replayed(
        _ groups: [RuleGroup], _ lab: RuleLab, from: Int64, through: Int64
    ) throws -> [String] {
        let report = try Backtest(
            groups, over: lab.store, sources: ReplaySources(logs: lab.store, spans: lab.store)
        ).run(from: from * 1_000, to: through * 1_000, context: QueryContext())
        #expect((report.alerts + report.failedRecordings).allSatisfy { $0.failure == nil })
        return report.alerts.flatMap(\.episodes).map { episode in
            let end = episode.resolvedAt.map { "\($0 / 1_000)" } ?? ""
            return "\(episode.labels) \(episode.firedAt / 1_000)-\(end)"
        }.sorted()
    }

    @Test("find the firings of rules in LogQL and TraceQL that evaluations find")
    func sources() throws {
        let lab = EvidenceLab()
        lab.fill()
        let rules = """
            - alert: Lines
              datasource: loki
              expr: sum by (service_name) (count_over_time({service_name="payments"} |= " 503" [2m])) > 10
              for: 1m
            - record: payments:errors
              datasource: tempo
              range: 1m
              expr: '{ status = error } | count_over_time() by (resource.service.name)'
            - alert: Spans
              expr: payments:errors{resource_service_name="payments"} > 5
            - alert: Slow
              datasource: tempo
              range: 2m
              expr: '{ resource.service.name = "bank" && status = error } | rate()'
            """
        let groups = try RuleFile.parse(RuleLab.file(rules), path: "rules.yml").groups
        let replayed = try Self.replayed(groups, lab.lab, from: 3_600, through: 5_400)
        let live = try Self.live(groups, lab.lab, from: 3_600, through: 5_400)
        #expect(replayed == live)
        #expect(replayed.count >= 3, "\(replayed)")
        #expect(replayed.contains { $0.hasPrefix("{alertname=\"Lines\"") })
    }

    @Test("without logs or traces say which of them are missing")
    func missing() throws {
        let lab = RuleLab()
        let rules = """
            - alert: Lines
              datasource: loki
              expr: 'rate({a="b"}[1m]) > 0'
            - alert: Spans
              datasource: tempo
              expr: '{ } | rate()'
            """
        let groups = try RuleFile.parse(RuleLab.file(rules), path: "rules.yml").groups
        let report = try Backtest(groups, over: lab.store).run(
            from: 0, to: 600_000, context: QueryContext())
        #expect(
            report.alerts.map(\.failure) == [
                "there are no logs to replay rules over",
                "there are no traces to replay rules over",
            ])
    }

    @Test("weigh the alerts of objectives by their statistics, as evaluations do")
    func objectives() throws {
        let seed: UInt64 = 23
        var random = SeededGenerator(seed: seed)
        let lab = RuleLab()
        var (good, bad) = (0.0, 0.0)
        for minute in 0...360 {
            // Quiet with single failures, a night without requests, an outage, its end.
            let count =
                (120..<200).contains(minute) ? 0 : Double(Int.random(in: 0...6, using: &random))
            let fails = (230..<260).contains(minute) || Int.random(in: 0..<40, using: &random) == 0
            good += fails ? 0 : count
            bad += fails ? count : 0
            for (code, value) in [("200", good), ("500", bad)] {
                lab.set("requests_total", ["code": code], value, at: Double(minute * 60))
            }
        }
        let objective = try #require(
            SLOReading.read(SLOReading.sloth(objective: "99")).objectives.first)
        let groups = try RuleGroup.groups(of: objective).filter {
            $0.key.name.hasPrefix("sloth-slo-alerts")
        }
        let replayed = try Self.replayed(groups, lab, from: 600, through: 21_600)
        let live = try Self.live(groups, lab, from: 600, through: 21_600)
        #expect(replayed == live, "seed \(seed)")
        #expect(replayed.contains { $0.contains("sloth_severity=\"page\"") }, "\(replayed)")
    }
}
