import Platform
import QueryCore
import Rules
import Store
import Telemetry
import Testing

@Suite("Backtests")
struct BacktestTests {
    private static func groups(_ yaml: String) throws -> [RuleGroup] {
        try RuleFile.parse(yaml, path: "rules.yml").groups
    }

    /// `labels active>fired-resolved` of every firing; seconds.
    private static func firings(
        _ lab: RuleLab, _ yaml: String, from: Int64, to: Int64
    ) throws -> [String] {
        let report = try Backtest(try groups(yaml), over: lab.store).run(
            from: from * 1_000, to: to * 1_000, context: QueryContext())
        let failures = report.alerts + report.failedRecordings
        return failures.compactMap { outcome in
            outcome.failure.map { "\(outcome.rule): \($0)" }
        } + report.alerts.flatMap(\.episodes).map(text).sorted()
    }

    private static func text(_ episode: AlertEpisode) -> String {
        let end = episode.resolvedAt.map { "\($0 / 1_000)" } ?? ""
        return "\(episode.labels) \(episode.activeAt / 1_000)>\(episode.firedAt / 1_000)-\(end)"
    }

    @Test("tell when an alert would have fired, and when it would have ended")
    func episodes() throws {
        let lab = RuleLab()
        for minute in 0..<60 {
            let isDown = (10..<20).contains(minute) || minute >= 50
            lab.set("up", ["job": "a"], isDown ? 0 : 1, at: Double(minute * 60))
        }
        let rules = RuleLab.file("- alert: Down\n  expr: up == 0\n  for: 5m")
        #expect(
            try Self.firings(lab, rules, from: 0, to: 3_540) == [
                "{alertname=\"Down\", job=\"a\"} 3000>3300-",
                "{alertname=\"Down\", job=\"a\"} 600>900-1200",
            ])
        // What began before the range counts with its true beginning.
        #expect(
            try Self.firings(lab, rules, from: 840, to: 1_500) == [
                "{alertname=\"Down\", job=\"a\"} 600>900-1200"
            ])
        #expect(try Self.firings(lab, rules, from: 1_260, to: 2_000) == [])
    }

    @Test("record what alerts read, from as far back as they read it, instead of what is stored")
    func recordings() throws {
        let lab = RuleLab()
        for minute in 0..<120 {
            lab.set("x", Double(minute < 60 ? 10 : 0), at: Double(minute * 60))
            lab.set("r", 1_000, at: Double(minute * 60))
        }
        let rules = RuleLab.file(
            """
            - alert: A
              expr: avg_over_time(r2[30m]) > 4
            - record: r2
              expr: r * 2
            - record: r
              expr: x / 2
            """)
        // Of the last thirty minutes thirteen had 10 at minute 76, and twelve at minute 77.
        #expect(
            try Self.firings(lab, rules, from: 70 * 60, to: 100 * 60) == [
                "{alertname=\"A\"} 4200>4200-4620"
            ])
    }

    @Test("say which rules cannot be replayed, and replay the others")
    func refusals() throws {
        let lab = RuleLab()
        lab.set("x", ["a": "1"], 1, at: 600)
        lab.set("x", ["a": "2"], 1, at: 600)
        let rules = RuleLab.file(
            """
            - record: r
              expr: r + x
            - alert: Circular
              expr: r > 1
            - record: twice
              expr: label_replace(x, "a", "", "", "")
            - alert: Broken
              expr: twice > 1
            - alert: Fine
              expr: sum(x) > 1
            """)
        let found = try Self.firings(lab, rules, from: 600, to: 720)
        #expect(found.count == 5, "\(found)")
        #expect(found.contains { $0.hasPrefix("Circular: it depends on series that it records") })
        #expect(found.contains { $0.hasPrefix("Broken: ") && $0.contains("same labelset") })
        #expect(found.contains("{alertname=\"Fine\"} 600>600-"))
    }

    @Test("refuse ranges that are empty or far too long")
    func ranges() throws {
        let lab = RuleLab()
        let rules = RuleLab.file("- alert: A\n  expr: x > 1", head: "interval: 1s")
        #expect(throws: QueryError.self) {
            try Self.firings(lab, rules, from: 10, to: 10)
        }
        let long = try Self.firings(lab, rules, from: 0, to: 4_000_000_000)
        #expect(long.count == 1 && long[0].contains("take a shorter one"))
    }

    @Test("honour limits and query offsets")
    func limits() throws {
        let lab = RuleLab()
        for minute in 0..<20 {
            lab.set("x", ["a": "1"], 1, at: Double(minute * 60))
            if (5..<10).contains(minute) { lab.set("x", ["a": "2"], 1, at: Double(minute * 60)) }
            if minute == 10 { lab.set("x", ["a": "2"], Sample.staleMarker, at: 600) }
        }
        let rules = RuleLab.file("- alert: A\n  expr: x > 0", head: "limit: 1")
        #expect(
            try Self.firings(lab, rules, from: 0, to: 1_140)
                == [
                    "{alertname=\"A\", a=\"1\"} 0>0-300", "{alertname=\"A\", a=\"1\"} 600>600-",
                ].map {
                    $0.replacing("{alertname=\"A\", a=\"1\"}", with: "{a=\"1\", alertname=\"A\"}")
                })
        let late = RuleLab.file("- alert: A\n  expr: x{a=\"2\"} > 0", head: "query_offset: 2m")
        #expect(
            try Self.firings(lab, late, from: 0, to: 1_140) == [
                "{a=\"2\", alertname=\"A\"} 420>420-720"
            ])
    }

    @Test("agree with evaluating instant by instant", arguments: 0..<12)
    func naive(seed: Int) throws {
        var random = Seeded(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        let lab = RuleLab()
        for job in ["a", "b", "c"] {
            var value = 0.0
            for minute in 0..<240 where random.next() % 10 > 0 {
                if random.next() % 6 == 0 { value = Double(random.next() % 5) }
                lab.set("x", ["job": job], value, at: Double(minute * 60))
            }
        }
        let holds = ["0s", "3m", "10m"][seed % 3]
        let keeps = ["0s", "4m"][seed % 2]
        let rules = RuleLab.file(
            """
            - record: job:x:avg
              expr: avg_over_time(x[5m])
              labels: {team: "t"}
            - record: all:x:sum
              expr: sum(job:x:avg > 1)
            - alert: A
              expr: job:x:avg > 2
              for: \(holds)
              keep_firing_for: \(keeps)
              labels: {level: "{{ if gt $value 3.0 }}high{{ else }}low{{ end }}"}
            - alert: B
              expr: all:x:sum offset 2m >= 4 unless on() absent(x{job="a"})
              for: \(holds)
            """)
        // The fields that a naive run knows: name, labels, firing and its end.
        var evaluator = try lab.evaluator(rules)
        for minute in 0..<240 { evaluator.evaluate(at: Double(minute * 60)) }
        var open: [Labels: Int64] = [:]
        var expected: [String] = []
        for transition in try lab.store.alertHistory(limit: 100_000).reversed() {
            let time = transition.at.milliseconds / 1_000
            if transition.to == "firing" { open[transition.labels] = time }
            if transition.from == "firing", let start = open.removeValue(forKey: transition.labels)
            {
                expected.append("\(transition.labels) \(start)-\(time)")
            }
        }
        expected += open.map { "\($0.key) \($0.value)-" }
        let report = try Backtest(try Self.groups(rules), over: lab.store).run(
            from: 0, to: 239 * 60_000, context: QueryContext())
        let found = report.alerts.flatMap(\.episodes).map { episode in
            let end = episode.resolvedAt.map { "\($0 / 1_000)" } ?? ""
            return "\(episode.labels) \(episode.firedAt / 1_000)-\(end)"
        }
        #expect(found.sorted() == expected.sorted(), "seed \(seed)")
        #expect(!expected.isEmpty, "seed \(seed)")
    }

    @Test("stand beside what really happened")
    func real() throws {
        let lab = RuleLab()
        for minute in 0...60 {
            lab.set("a", (20..<30).contains(minute) ? 1 : 0, at: Double(minute * 60))
            // What fired then was another rule of the name, for longer.
            if (18..<35).contains(minute) {
                lab.set(
                    "ALERTS", ["alertname": "A", "alertstate": "firing", "x": "y"], 1,
                    at: Double(minute * 60))
            }
        }
        lab.set(
            "ALERTS", ["alertname": "A", "alertstate": "firing", "x": "y"], Sample.staleMarker,
            at: 35 * 60)
        let file = try RuleFile.parse(RuleLab.file("- alert: A\n  expr: a > 0"), path: "a.yml")
        let report = try Backtest(file.groups, over: lab.store).run(
            from: 0, to: 3_600_000, context: QueryContext())
        let outcome = try #require(report.alerts.first)
        #expect(outcome.episodes.map(\.firedAt) == [20 * 60_000])
        #expect(outcome.real.map(\.firedAt) == [18 * 60_000])
        #expect(outcome.real.map(\.resolvedAt) == [35 * 60_000])
        #expect(outcome.real.first?.labels == Labels(["alertname": "A", "x": "y"]))
    }

}

/// xorshift64*, seeded.
private struct Seeded {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return (state &* 0x2545_F491_4F6C_DD1D) >> 33
    }
}
