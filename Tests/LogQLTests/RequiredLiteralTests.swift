import LogQL
import RegularExpressions
import Testing

@Suite("texts that a regular expression needs")
struct RequiredLiteralTests {
    @Test(
        "what stands outside of groups and classes is needed, unless it may be missing",
        arguments: [
            ("connection.*failure", ["connection", "failure"]), ("abc?def", ["def"]),
            ("abcd*e", ["abc"]), ("abc+def", ["abc", "def"]), ("a{2}bcd", ["bcd"]),
            ("(abc|def)ghi", ["ghi"]), ("abc|def", []), ("(?i)abc", []), ("x(?i:abc)y", []),
            (#"GET /a\.b\d+ done"#, ["GET /a.b", " done"]), ("[a-z]]abc", ["]abc"]),
            ("[]x]abc[^]]def", ["abc", "def"]), (#"\Qa|b\E"#, []), ("größe?n", ["größ"]),
            ("abcdé*f", ["abcd"]), ("^start$", ["start"]), (#"\x41bc"#, []), ("ab", []),
            ("[[:alpha:]x]def", ["def"]), ("(?P<n>abc(def)[)])ghi", ["ghi"]),
        ])
    func literals(pattern: String, expected: [String]) {
        #expect(RequiredLiterals.of(pattern) == expected)
    }

    @Test("they are in whatever the expression is found in")
    func sound() throws {
        var random = TestRandom(seed: 11)
        let parts = [
            "abc", "d", ".", "*", "?", "+", "(", ")", "[b-d]", "|", "{0,1}", "\\.", "\\d", "(ab|c)",
            "^", "e", "(?:de)",
        ]
        var checked = 0
        for _ in 0..<20_000 {
            let source = (0..<(1 + random.below(6))).map { _ in random.pick(parts) }.joined()
            guard let pattern = pattern(source) else { continue }
            let text = String(
                (0..<(3 + random.below(8))).map { _ in random.pick(["a", "b", "c", "d", "e", "."]) }
                    .joined())
            guard pattern.contains(text) else { continue }
            checked += 1
            for literal in RequiredLiterals.of(source) {
                #expect(text.contains(literal), "\(source) in \(text)")
            }
        }
        #expect(checked > 500)
    }

    private func pattern(_ source: String) -> Pattern? {
        do throws(PatternError) { return try Pattern(source) } catch { return nil }
    }
}
