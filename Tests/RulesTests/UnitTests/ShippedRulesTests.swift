import Foundation
import Rules
import Testing

@Suite("The alerts that come with the program")
struct ShippedRulesTests {
    private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("dashboards")

    @Test("are well, and fire as their own unit tests say")
    func tests() throws {
        let rules = try RuleFile.load(folder.appendingPathComponent("alerts.yml").path)
        var lint = RuleLint()
        lint.look(at: rules)
        #expect(lint.findings.isEmpty, "\(lint.findings)")
        let tests = try RuleTestFile.load(folder.appendingPathComponent("alerts_test.yml").path)
        #expect(try RuleTestRun(tests).failures() == [])
        let text = try String(
            contentsOf: folder.appendingPathComponent("alerts_test.yml"), encoding: .utf8)
        for rule in rules.groups.flatMap(\.rules) {
            #expect(text.contains("alertname: \(rule.name)\n"), "\(rule.name) has no test")
        }
    }
}
