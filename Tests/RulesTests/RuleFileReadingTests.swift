import Foundation
import Rules
import Store
import Testing

@Suite("Rule files")
struct RuleFileReadingTests {
    @Test("may share what stands in several rules by merge keys")
    func mergeKeys() throws {
        let file = try RuleFile.parse(
            """
            groups:
            - name: g
              rules:
              - &x {alert: A, expr: up == 0, for: 1m, labels: &l {a: b, c: d}}
              - {<<: *x, alert: B}
              - {<<: [{for: 2m}, *x], alert: C, labels: {<<: *l, c: e}}
            """, path: "r.yml")
        let alerts = file.groups[0].rules.compactMap { rule -> AlertingRule? in
            if case .alerting(let alert) = rule { alert } else { nil }
        }
        #expect(alerts.map(\.name) == ["A", "B", "C"])
        #expect(alerts.map(\.holdDuration) == [60_000, 60_000, 120_000])
        #expect(alerts[2].labels.map(\.name).sorted() == ["a", "c"])
        #expect(alerts[2].labels.first { $0.name == "c" }?.value == (try Template("e")))
    }

    @Test("do not hang on mappings that are merged again and again")
    func mergedWithoutEnd() {
        var text = "groups:\n- {name: g0, labels: &m0 {a: b}}\n"
        for number in 1..<30 {
            let last = "*m\(number - 1)"
            text += "- {name: g\(number), labels: &m\(number) {<<: [\(last), \(last)]}}\n"
        }
        let error = #expect(throws: RuleFileError.self) { try RuleFile.parse(text, path: "a.yml") }
        #expect(error?.reason.hasPrefix("<< of labels") == true, "\(error?.reason ?? "")")
    }

    @Test("tell all their mistakes at once, each with its line")
    func allMistakes() {
        let error = #expect(throws: RuleFileError.self) {
            try RuleFile.parse(
                """
                groups:
                - name: g
                  rules:
                  - {alert: A, expr: "up =="}
                  - {alert: B, expr: up}
                  - {alert: C, expr: up, fore: 1m}
                - {name: g2, limit: many}
                - {name: g3, rules: [{expr: up}]}
                """, path: "r.yml")
        }
        let lines = ([error].compactMap { $0 } + (error?.others ?? [])).map(\.line)
        #expect(lines == [4, 6, 7, 8])
        #expect(error?.description.components(separatedBy: "r.yml:").count == 5)
    }

    @Test("are found by patterns and in folders, anew each time")
    func patterns() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("rules-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: folder + "/sub.yml", withIntermediateDirectories: true)
        defer {
            do {
                try FileManager.default.removeItem(atPath: folder)
            } catch {
                Issue.record(error)
            }
        }
        func add(_ name: String) throws {
            try RuleLab.file("- {alert: A, expr: up}", name: name).write(
                toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        func groups(_ names: String...) throws -> [String] {
            try RuleEngine.load(names.map { "\(folder)\($0)" }).map(\.key.name)
        }
        #expect(try groups("/*.yml") == [])
        try add("b.yml")
        try add("a.yaml")
        try add("c.txt")
        #expect(try groups("/*.yml") == ["b.yml"])
        #expect(try groups("") == ["a.yaml", "b.yml"])
        #expect(try groups("/", "/?.*") == ["a.yaml", "b.yml", "c.txt"])
        try add("d.yml")
        #expect(try groups("/[bd].yml") == ["b.yml", "d.yml"])
        #expect(throws: RulesRefused.self) { try groups("/e.yml") }
        #expect(throws: RulesRefused.self) { try groups("/b.yml", "/b.yml") }
    }
}
