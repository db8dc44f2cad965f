import Rules
import Testing

@Suite("Written rule files")
struct RuleFileTextTests {
    @Test(
        "read back as what was written",
        arguments: [
            "plain", "two words", "", " ", "yes", "1", "-1e3", "a: b", "a #b", "#a", "'q'", "\"q\"",
            "{{ $value }}", "two\nlines", "two\nlines\n", " indented\nlines", "a\n\n\nb", "tab\t.",
            "back\\slash", "é", "\u{7}", "end:", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a`", "~",
            "null", "0x10", "1_000", "2020-01-01", "[a]", "a,b", "?", "- a", "...", "---", "NaN",
            ".inf", "a\n", "\n", "a\r\nb", "=", "<<", "\u{85}", "\u{2028}x",
        ])
    func roundTrip(text: String) throws {
        let group = GeneratedGroup(
            name: "g",
            rules: [
                GeneratedRule(
                    kind: .alert, name: "a", expression: "up\n  and\nup", holdDuration: 90_000,
                    labels: ["l": "x"], annotations: ["text": text])
            ])
        let file = try RuleFile.parse(
            RuleFileText([group], comment: "made").text, path: "made.yml")
        guard case .alerting(let rule) = file.groups[0].rules[0] else {
            Issue.record("no alert")
            return
        }
        #expect(rule.annotations[0].value.source == text)
        #expect(rule.holdDuration == 90_000)
        #expect(rule.query.text == "up\n  and\nup")
    }

    @Test("are the same bytes for the same rules, even for none")
    func bytes() throws {
        #expect(RuleFileText([], comment: "made").text == "# made\n\ngroups: []\n")
        #expect(try RuleFile.parse("# made\n\ngroups: []\n", path: "x").groups.isEmpty)
    }
}
