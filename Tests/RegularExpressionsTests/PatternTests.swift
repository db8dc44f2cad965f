import RegularExpressions
import Testing

@Suite("patterns")
struct PatternTests {
    @Test("a whole match is anchored at both ends, as label matchers are")
    func anchoring() throws {
        let pattern = try Pattern("ab[0-9]+")
        #expect(pattern.matchesWhole("ab12"))
        #expect(!pattern.matchesWhole("xab12"))
        #expect(!pattern.matchesWhole("ab12x"))
        #expect(pattern.contains("xab12x"))
        // Without a group around it, `a|b` anchored by hand would be `^a` or `b$`.
        let alternation = try Pattern("a[0-9]|b[0-9]")
        #expect(!alternation.matchesWhole("a1x") && !alternation.matchesWhole("xb1"))
    }

    @Test("a dot matches a line feed unless told otherwise")
    func newlines() throws {
        for source in ["a.*b", "a.+b", "a.b", ".*b", "a.*", ".+", ".*"] {
            let text = "a\nb"
            #expect(try Pattern(source).matchesWhole(text), "\(source)")
            let go = try Pattern(source, options: Pattern.Options(dotMatchesNewline: false))
            #expect(!go.matchesWhole(text), "\(source)")
        }
        #expect(try Pattern("(?-s)a.b").matchesWhole("a\nb") == false)
        #expect(
            try Pattern("(?s)a.b", options: Pattern.Options(dotMatchesNewline: false))
                .matchesWhole("a\nb"))
    }

    @Test("a case-insensitive flag in the pattern and the option are respected")
    func caseInsensitive() throws {
        for pattern in [
            try Pattern("(?i)error"), try Pattern("(?i:error)"),
            try Pattern("error", options: Pattern.Options(isCaseSensitive: false)),
        ] {
            #expect(pattern.matchesWhole("ErRoR"))
            #expect(pattern.contains("an ERROR occurred"))
            #expect(pattern.literals == nil)
            #expect(pattern.literalPrefix.isEmpty)
        }
        #expect(try !Pattern("error").contains("an ERROR occurred"))
    }

    @Test(
        "literals are known when the pattern is nothing else",
        arguments: [
            ("foo", ["foo"]), ("a|b|foo", ["a", "b", "foo"]), ("", [""]), ("a|", ["a", ""]),
            ("(a|b)", ["a", "b"]), ("(?:a|b)c", ["ac", "bc"]), ("a|b|a", ["a", "b"]),
            (#"v1\.2|v1\-3"#, ["v1.2", "v1-3"]),
            (
                "api-(a|b)-(x|y)",
                [
                    "api-a-x", "api-a-y", "api-b-x", "api-b-y",
                ]
            ), ("^a$|^b$", ["a", "b"]), ("größe|大", ["größe", "大"]), ("a{|b", nil),
            ("foo.*", nil), ("fo?o", nil), ("a*", nil), ("[ab]", nil), (#"\d"#, nil), ("é+", nil),
            (#"\Qa|b\E"#, nil), ("(a|b)+", nil), ("(?i)a", nil), ("(?P<n>a)", nil), ("a$b", nil),
        ] as [(String, [String]?)])
    func literals(source: String, expected: [String]?) throws {
        #expect(try Pattern(source).literals == expected)
    }

    @Test(
        "the literal prefix holds for every whole match",
        arguments: [
            ("foo.*", "foo"), ("foo", "foo"), ("foo|fob", "fo"), ("foo|bar", ""), ("foo?", "fo"),
            ("fo*", "f"), ("foo+", "foo"), ("fo{0}", "f"), ("foo[ab]", "foo"),
            ("api-(a|b[|])x?", "api-"),
            ("foo[a-z]|bar", ""), ("foo[]|]x", "foo"), ("foo[[:alpha:]|]x", "foo"),
            ("^foo.*", "foo"),
            (#"a\.b\d"#, "a.b"), ("größe?", "größ"), ("ö?a", ""), ("(?i)foo", ""),
            (#"foo\Q|\E[a]"#, ""),
            ("foo(x)|y[a]", ""), ("é|è", ""), (".*", ""), ("", ""), (#"foo\|[a]"#, "foo|"),
        ])
    func prefix(source: String, expected: String) throws {
        #expect(try Pattern(source).literalPrefix == expected)
    }

    @Test("groups are found by number and by name")
    func captures() throws {
        let pattern = try Pattern(#"(?P<method>GET|PUT) (/[a-z]+)(\?.*)?"#)
        #expect(pattern.groupNames == [nil, "method", nil, nil])
        #expect(pattern.group(named: "method") == 1)
        #expect(pattern.group(named: "3") == 3)
        #expect(pattern.group(named: "4") == nil)
        #expect(pattern.group(named: "verb") == nil)
        let found = pattern.captures("x GET /cart y", whole: false)
        #expect(found == ["GET /cart", "GET", "/cart", nil])
        #expect(pattern.captures("x GET /cart y", whole: true) == nil)
        #expect(pattern.captures("PUT /a?b", whole: true) == ["PUT /a?b", "PUT", "/a", "?b"])
    }

    @Test("more groups than fit in place are found as well")
    func manyGroups() throws {
        let pattern = try Pattern(String(repeating: "(.)", count: 40))
        let text = String((0..<40).map { Character(Unicode.Scalar(UInt8(48 + $0))) })
        let found = try #require(pattern.captures(text, whole: true))
        #expect(found.count == 41)
        #expect(found.dropFirst().map { $0 ?? "" }.joined() == text)
    }

    @Test("an empty text is a text")
    func emptyText() throws {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        for source in ["", ".*", "a*", "a|", "(x)?"] {
            let pattern = try Pattern(source)
            #expect(pattern.matchesWhole(nothing) && pattern.contains(nothing), "\(source)")
            #expect(pattern.matchesWhole("") && pattern.contains(""), "\(source)")
        }
        for source in [".+", "a", "a+", "[ab]", ".*a", "a.*", ".*a.*"] {
            let pattern = try Pattern(source)
            #expect(!pattern.matchesWhole(nothing) && !pattern.contains(nothing), "\(source)")
        }
        #expect(try Pattern("(x)?").captures("", whole: true) == ["", nil])
    }

    @Test(
        "what RE2 cannot read is refused with its reason",
        arguments: [
            ("a(b", "missing ): a(b"), ("a**", "bad repetition operator: **"),
            ("[b-a]", "invalid character class range: b-a"),
            (#"\8"#, #"invalid escape sequence: \8"#),
            (#"(a)\1"#, #"invalid escape sequence: \1"#),
        ])
    func errors(source: String, reason: String) {
        #expect(throws: PatternError(pattern: source, reason: reason)) { try Pattern(source) }
        #expect(PatternError(pattern: source, reason: reason).description.contains(source))
    }

    @Test(
        "a program over its memory limit, an endless or a deeply nested pattern is refused or works"
    )
    func limits() throws {
        #expect(throws: PatternError.self) {
            try Pattern(
                "((a{100}){100})", options: Pattern.Options(memoryBytesMax: 64 << 10))
        }
        #expect(throws: PatternError.self) {
            try Pattern(String(repeating: "a", count: Pattern.sourceBytesMax + 1))
        }
        for depth in [10, 100, 1_000, 20_000] {
            let nested =
                String(repeating: "(", count: depth) + "a" + String(repeating: ")", count: depth)
            do {
                #expect(try Pattern(nested).matchesWhole("a"))
            } catch {
                #expect(depth > 100 && !error.reason.isEmpty)
            }
        }
    }

    @Test("a pattern that makes backtracking engines run for ever is linear")
    func linearTime() throws {
        let pattern = try Pattern("(a*)*(a|aa)+b")
        #expect(!pattern.contains(String(repeating: "a", count: 200_000)))
    }

    @Test("ten thousand instance names make one pattern")
    func manyAlternatives() throws {
        let names = (0..<10_000).map { "pod-\($0)-abcdefghij" }
        let pattern = try Pattern(names.joined(separator: "|"))
        #expect(pattern.matchesWhole("pod-9999-abcdefghij"))
        #expect(!pattern.matchesWhole("pod-10000-abcdefghij"))
        #expect(pattern.contains("x pod-77-abcdefghij x"))
        let fewer = try Pattern(names[..<4_000].joined(separator: "|"))
        #expect(fewer.literals?.count == 4_000)
        #expect(fewer.matchesWhole("pod-3999-abcdefghij"))
        #expect(!fewer.matchesWhole("pod-4000-abcdefghij"))
    }

    @Test("bytes that are not UTF-8 never crash a match")
    func invalidText() throws {
        var random = Random(seed: 31)
        let patterns = try ["a.*b", "[^a]+", "é", ".*", "a|b", #"\pL+"#, "(?i)é", "(.)(.*)"].map {
            try Pattern($0)
        }
        for _ in 0..<2_000 {
            let bytes = (0..<random.next(below: 24)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            bytes.withUnsafeBytes { raw in
                for pattern in patterns {
                    var ranges: [Range<Int>?] = []
                    let isFound = pattern.captures(raw, whole: false, into: &ranges)
                    #expect(isFound == !ranges.isEmpty)
                    for case let range? in ranges { #expect(range.upperBound <= raw.count) }
                    _ = pattern.matchesWhole(raw)
                    _ = pattern.contains(raw)
                }
            }
        }
    }

    @Test("many tasks share one pattern")
    func concurrency() async throws {
        let pattern = try Pattern("([a-z]+)-([0-9]+)")
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<16 {
                group.addTask {
                    (0..<200).allSatisfy { number in
                        let found = pattern.captures("name-\(task * 1_000 + number)", whole: true)
                        return found?[2] == "\(task * 1_000 + number)"
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
