import Demo
import Testing

@Suite("the findings of a check")
struct DemoFindingsTests {
    private func all(but missing: Character? = nil, failing: Character? = nil) -> DemoFindings {
        let findings = DemoFindings()
        for letter in "fbacdeg" where letter != missing {
            findings.add(letter, "what \(letter)", letter != failing, "seen \(letter)")
        }
        return findings
    }

    @Test("are good when everything was checked and right")
    func good() {
        #expect(all().isGood)
        #expect(!all().table.contains("FAILED"))
    }

    @Test("are not good when one is wrong", arguments: DemoFindings.expected)
    func failing(letter: Character) {
        let findings = all(failing: letter)
        #expect(!findings.isGood)
        #expect(findings.table.contains("FAILED  (\(letter)) what \(letter)  seen \(letter)\n"))
    }

    @Test("are not good when one was not reached", arguments: DemoFindings.expected)
    func missing(letter: Character) {
        let findings = all(but: letter)
        #expect(!findings.isGood)
        #expect(findings.table.contains("FAILED  (\(letter)) not reached"))
    }

    @Test("are shown by letter, in columns")
    func table() {
        let findings = all()
        findings.add("a", "a longer description", true, "more")
        let rows = findings.table.split(separator: "\n")
        #expect(rows.first == "ok      (a) what a                seen a")
        #expect(rows.dropFirst().first == "ok      (a) a longer description  more")
        #expect(rows.count == 8)
    }
}
