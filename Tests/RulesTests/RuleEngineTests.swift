import Foundation
import Platform
import Rules
import Store
import Synchronization
import Telemetry
import Testing

@Suite struct RuleEngineTests {
    /// A folder with one rule file, for the duration of `body`.
    private func withFile(
        _ text: String, _ body: (_ path: String, _ write: (String) throws -> Void) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("rules-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appendingPathComponent("rules.yml").path
        let write = { (text: String) in
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        try write(text)
        let outcome = Result { try body(path, write) }
        try FileManager.default.removeItem(at: folder)
        try outcome.get()
    }

    private func engine(_ lab: RuleLab, _ path: String) throws -> RuleEngine {
        try RuleEngine(files: [path], in: lab.environment)
    }

    private func move(_ lab: RuleLab, to seconds: Double) -> Timestamp {
        lab.clock.setWall(nanoseconds: Int64(seconds * 1e9))
        return Timestamp(second: seconds)
    }

    static let counting = RuleLab.file("- record: r\n  expr: time()", head: "interval: 5s")

    @Test("a group is evaluated once per interval, short ones from the start")
    func intervals() throws {
        let lab = RuleLab()
        try withFile(Self.counting) { path, _ in
            let start = move(lab, to: 1_002)
            let engine = try engine(lab, path)
            #expect(engine.evaluateDue(at: start).count == 1)
            #expect(engine.evaluateDue(at: move(lab, to: 1_006.9)).isEmpty)
            #expect(engine.evaluateDue(at: move(lab, to: 1_007.5)).count == 1)
            #expect(try lab.query("r", at: 1_010) == ["r 1007"])
            #expect(engine.evaluateDue(at: move(lab, to: 1_012)).count == 1)
        }
    }

    @Test("late evaluations are skipped and counted")
    func missed() throws {
        let lab = RuleLab()
        try withFile(Self.counting) { path, _ in
            let engine = try engine(lab, path)
            let group = ["\(path);g"]
            for name in ["evaluation_failures", "group_iterations_missed", "group_iterations"] {
                let reading = lab.events.readings().first {
                    $0.name == "prometheus_rule_\(name)_total" && $0.labels.map(\.value) == group
                }
                #expect(reading?.value == 0, "\(name) is there before the first evaluation")
            }
            engine.evaluateDue(at: move(lab, to: 0))
            #expect(engine.evaluateDue(at: move(lab, to: 22)).count == 1)
            #expect(
                lab.events.count("prometheus_rule_group_iterations_missed_total", labels: group)
                    == 3)
            #expect(
                lab.events.count("prometheus_rule_group_iterations_total", labels: group) == 5)
            #expect(try lab.query("r", at: 22) == ["r 20"])
            #expect(lab.events.count("sidelight_rule_group_evaluations_missed_total") == 3)
        }
    }

    @Test("a clock that is set back does not stop evaluations")
    func clockBack() throws {
        let lab = RuleLab()
        try withFile(Self.counting) { path, _ in
            let start = move(lab, to: 100_000)
            let engine = try engine(lab, path)
            engine.evaluateDue(at: start)
            #expect(engine.evaluateDue(at: move(lab, to: 50)).count <= 1)
            #expect(engine.evaluateDue(at: move(lab, to: 55)).count == 1)
        }
    }

    @Test("long intervals are shifted by group, and aligned")
    func aligned() throws {
        let lab = RuleLab()
        try withFile(RuleLab.file("- record: r\n  expr: time()", head: "interval: 1m")) { path, _ in
            let engine = try engine(lab, path)
            var instants: [Int64] = []
            for second in 0..<180 {
                if !engine.evaluateDue(at: move(lab, to: Double(second))).isEmpty {
                    let last = try #require(engine.snapshot()[0].lastEvaluation)
                    instants.append(last.milliseconds)
                }
            }
            #expect(instants.count == 3)
            #expect(instants[1] - instants[0] == 60_000)
            #expect(instants[2] - instants[1] == 60_000)
        }
    }

    static let busy = RuleLab.file("- alert: Busy\n  expr: load > 0", head: "interval: 5s")

    @Test("a reload keeps alerts of rules that stay and ends those of groups that go")
    func reload() throws {
        let lab = RuleLab()
        try withFile(Self.busy) { path, write in
            let engine = try engine(lab, path)
            lab.set("load", 1, at: 0)
            engine.evaluateDue(at: move(lab, to: 0))
            try write(
                RuleLab.file(
                    "- record: r\n  expr: load\n- alert: Busy\n  expr: load > 0.5",
                    head: "interval: 5s"))
            try engine.reload([path])
            engine.evaluateDue(at: move(lab, to: 5))
            #expect(engine.snapshot()[0].rules.map(\.state) == ["inactive", "firing"])
            #expect(try lab.told().count == 1)
            _ = move(lab, to: 7)
            try write(RuleLab.file("- record: s\n  expr: load", name: "other"))
            try engine.reload([path])
            #expect(try lab.told().last == "7 resolved {alertname=\"Busy\"}0-7")
            #expect(try lab.query("{__name__=~\"ALERTS|r\"}", at: 7).isEmpty)
            #expect(engine.snapshot().map(\.key.name) == ["other"])
        }
    }

    @Test("a reload of bad files changes nothing and says what is wrong")
    func badReload() throws {
        let lab = RuleLab()
        try withFile(Self.busy) { path, write in
            let engine = try engine(lab, path)
            lab.set("load", 1, at: 0)
            engine.evaluateDue(at: move(lab, to: 0))
            try write("groups:\n- name: g\n  rules:\n  - alert: Busy\n    expr: load >")
            do throws(RulesRefused) {
                try engine.reload([path, "/nowhere.yml"])
                Issue.record("taken")
            } catch {
                #expect(error.reasons.count == 2)
                #expect(error.reasons[0].hasPrefix("\(path):5: expr: "))
            }
            engine.evaluateDue(at: move(lab, to: 5))
            #expect(engine.snapshot()[0].rules[0].state == "firing")
            #expect(lab.events.count("sidelight_rule_reloads_total", labels: ["failure"]) == 1)
        }
    }

    @Test("alerts of a group that went while nothing ran are ended at the next start")
    func forgotten() throws {
        let lab = RuleLab()
        try withFile(Self.busy) { path, write in
            lab.set("load", 1, at: 0)
            try engine(lab, path).evaluateDue(at: move(lab, to: 0))
            try write(RuleLab.file("- record: r\n  expr: load", name: "other"))
            _ = move(lab, to: 60)
            _ = try engine(lab, path)
            #expect(try lab.told().last == "60 resolved {alertname=\"Busy\"}0-60")
        }
    }

    @Test("threads evaluate all groups by themselves, and stop")
    func threads() async throws {
        let lab = RuleLab()
        let (evaluations, continuation) = AsyncStream.makeStream(
            of: String.self, bufferingPolicy: .bufferingNewest(100))
        var environment = lab.environment
        environment.clock = SystemClock()
        environment.settings.resendAfter = 0
        environment.notifications = { notification in
            continuation.yield(notification.group.name)
            return []
        }
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("rules-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let files = try ["a", "b", "c"].map { name in
            let path = folder.appendingPathComponent("\(name).yml").path
            try RuleLab.file(
                "- alert: On\n  expr: vector(1)", head: "interval: 10ms", name: name
            ).write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }
        let engine = try RuleEngine(files: files, in: environment)
        engine.start()
        var counts: [String: Int] = [:]
        for await name in evaluations {
            counts[name, default: 0] += 1
            if counts.count == 3, counts.values.allSatisfy({ $0 >= 3 }) { break }
        }
        engine.stop()
        let after = lab.events.count("sidelight_rule_evaluations_total")
        #expect(after >= 9)
        #expect(engine.evaluateDue(at: .distantFuture).isEmpty)
        try FileManager.default.removeItem(at: folder)
    }
}
