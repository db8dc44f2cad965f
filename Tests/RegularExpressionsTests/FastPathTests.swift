import RegularExpressions
import Testing

/// Reproducible randomness (SplitMix64).
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func next(below bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}

@Suite("fast paths")
struct FastPathTests {
    /// Parts of patterns that mostly have a fast path; some combinations have none.
    private static let parts = [
        "a", "b", "ab", "é", "\n", ".*", ".+", ".*?", #"\."#, #"\-"#, "(a|b)", "(?:ab|)", "(.*|a)",
        "|",
        "-", "^", "$", "a?", "[ab]", "_", "(|.+)",
    ]
    private static let characters: [Character] = ["a", "b", "é", "\n", ".", "-", "_", "ü"]

    /// The same pattern in a form that no fast path knows: RE2's own answer.
    private static func slow(_ source: String, _ options: Pattern.Options) throws -> Pattern {
        try Pattern("(?P<all>\(source))", options: options)
    }

    private static func text(_ random: inout Random) -> String {
        String((0..<random.next(below: 9)).map { _ in characters.randomElement(using: &random)! })
    }

    @Test("answer like RE2 on random patterns and texts", arguments: [true, false])
    func differential(dotMatchesNewline: Bool) throws {
        var random = Random(seed: dotMatchesNewline ? 41 : 42)
        let options = Pattern.Options(dotMatchesNewline: dotMatchesNewline)
        var whole = [0, 0]
        var contained = [0, 0]
        for _ in 0..<3_000 {
            let source = (0...random.next(below: 5)).map { _ in
                Self.parts.randomElement(using: &random)!
            }.joined()
            guard let fast = try? Pattern(source, options: options) else { continue }
            let slow = try Self.slow(source, options)
            for _ in 0..<30 {
                let text = Self.text(&random)
                let expected = (slow.matchesWhole(text), slow.contains(text))
                #expect(
                    fast.matchesWhole(text) == expected.0,
                    "\(source.debugDescription) \(text.debugDescription)")
                #expect(
                    fast.contains(text) == expected.1,
                    "\(source.debugDescription) \(text.debugDescription)")
                whole[expected.0 ? 1 : 0] += 1
                contained[expected.1 ? 1 : 0] += 1
                if expected.0 {
                    #expect(text.utf8.starts(with: fast.literalPrefix.utf8), "\(source) \(text)")
                }
                if let literals = fast.literals {
                    #expect(literals.contains { $0.utf8.elementsEqual(text.utf8) } == expected.0)
                }
            }
        }
        // Both answers must have been common, or the comparison says little.
        #expect((whole + contained).allSatisfy { $0 > 5_000 }, "\(whole) \(contained)")
    }

    @Test(
        "take each of the usual forms",
        arguments: [
            ("foo", "foo", "food"), ("foo|bar", "bar", "foobar"), ("foo.*", "foobar", "fo"),
            (".*foo", "a foo", "foo a"), (".*foo.*", "a foo b", "a fo b"), (".*", "", nil),
            (".+", "x", ""), ("foo.+", "foox", "foo"), (".+foo", "xfoo", "foo"),
            ("/api/.*/items", "/api/v1/items", "/api/items"), ("a.*b.*c", "aXbXc", "aXcXb"),
            ("^foo.*$", "foot", "afoo"), ("(a|b).*", "bx", "cx"), ("foo.*foo", "foofoo", "foo"),
        ] as [(String, String, String?)])
    func forms(source: String, matching: String, other: String?) throws {
        let pattern = try Pattern(source)
        #expect(pattern.matchesWhole(matching))
        if let other { #expect(!pattern.matchesWhole(other)) }
    }

    @Test(
        "search a line for what is not anchored",
        arguments: [
            ("foo", "a foo b", "a fo b"), ("^foo", "foo b", "a foo"), ("foo$", "a foo", "foo b"),
            ("^foo$", "foo", "foo b"), ("foo|bar", "a bar", "a ba"), ("foo.+", "foo b", "a foo"),
            ("a.*b", "xaxbx", "xbxax"),
        ])
    func lines(source: String, matching: String, other: String) throws {
        for dotMatchesNewline in [true, false] {
            let pattern = try Pattern(
                source, options: Pattern.Options(dotMatchesNewline: dotMatchesNewline))
            #expect(pattern.contains(matching))
            #expect(!pattern.contains(other))
        }
    }
}

@Suite("replacements")
struct ReplacementTests {
    @Test(
        "refer to groups as Go's Expand does",
        arguments: [
            ("$1-$2", "ab-12"), ("${1}x", "abx"), ("$1x", ""), ("$name", "ab"), ("${name}_", "ab_"),
            ("$name_", ""), ("$$1", "$1"), ("$", "$"), ("a$", "a$"), ("${1", "${1"), ("$-", "$-"),
            ("$9", ""),
            ("$0", "ab12"), ("", ""), ("é$1é", "é"), ("é${1}é", "éabé"), ("${}", "${}"),
            ("$1$1", "abab"),
            ("$3", ""),
        ])
    func expansion(template: String, expected: String) throws {
        let pattern = try Pattern("(?P<name>[a-z]+)([0-9]+)(x)?")
        let captures = try #require(pattern.captures("ab12", whole: true))
        #expect(Replacement(template, for: pattern).expanded(with: captures) == expected)
    }
}
