/// A regular expression in RE2's syntax, which is also Go's: what PromQL, LogQL, TraceQL, relabelling,
/// silences and routes share. Matching takes time linear in the text, whatever the pattern.
///
/// Texts are UTF-8. Bytes that are not are safe, but `.` and classes do not match them in RE2.
package struct Pattern: Sendable {
    /// How a pattern is read. Flags inside it, such as `(?i)`, prevail.
    package struct Options: Hashable, Sendable {
        /// Whether `.` matches a line feed: true for label matchers, which Prometheus wraps in
        /// `^(?s:…)$`.
        package var dotMatchesNewline: Bool
        package var isCaseSensitive: Bool
        /// Bound on a program and its automaton's cache together; a pattern that needs more does not
        /// compile.
        package var memoryBytesMax: Int

        package init(
            dotMatchesNewline: Bool = true, isCaseSensitive: Bool = true,
            memoryBytesMax: Int = 16 << 20
        ) {
            self.dotMatchesNewline = dotMatchesNewline
            self.isCaseSensitive = isCaseSensitive
            self.memoryBytesMax = memoryBytesMax
        }
    }

    /// The longest pattern: alternations of thousands of instance names are common, more is a mistake.
    package static let sourceBytesMax = 1 << 20

    package let source: String
    package let options: Options
    /// The texts that match as a whole, when the pattern is a literal or an alternation of literals;
    /// each once, in order of appearance.
    package let literals: [String]?
    /// What every text that matches as a whole begins with; may be shorter than it could be.
    package let literalPrefix: String
    /// Names of the groups; element 0 is the whole match and has none.
    package let groupNames: [String?]

    private let program: Program
    private let whole: Matcher
    private let somewhere: Matcher

    /// - Throws: `PatternError` with RE2's reason.
    package init(_ source: String, options: Options = Options()) throws(PatternError) {
        guard source.utf8.count <= Pattern.sourceBytesMax else {
            throw PatternError(
                pattern: "\(source.prefix(40))…",
                reason: "longer than \(Pattern.sourceBytesMax) bytes")
        }
        let program = try Program(source, options)
        let simple = options.isCaseSensitive ? SimplePattern(source) : nil
        self.source = source
        self.options = options
        self.program = program
        groupNames = [nil] + (0..<program.groupCount).map { program.groupName($0 + 1) }
        whole = simple.map { Matcher(whole: $0) } ?? .program
        somewhere = simple.map { Matcher(somewhere: $0) } ?? .program
        literals = simple.flatMap { Pattern.literals(of: $0) }
        if let simple {
            literalPrefix = Pattern.commonPrefix(simple.alternatives.map(\.glob.head))
        } else {
            literalPrefix = options.isCaseSensitive ? LiteralPrefix.scan(source) : ""
        }
    }

    /// Whether the pattern matches all of `utf8`, from end to end.
    package func matchesWhole(_ utf8: UnsafeRawBufferPointer) -> Bool {
        whole.answer(utf8, gapsHoldNewlines: options.dotMatchesNewline)
            ?? program.matches(utf8, whole: true)
    }

    package func matchesWhole(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matchesWhole(UnsafeRawBufferPointer($0)) }
    }

    /// Whether the pattern matches somewhere in `utf8`.
    package func contains(_ utf8: UnsafeRawBufferPointer) -> Bool {
        somewhere.answer(utf8, gapsHoldNewlines: options.dotMatchesNewline)
            ?? program.matches(utf8, whole: false)
    }

    package func contains(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { contains(UnsafeRawBufferPointer($0)) }
    }

    /// Finds the leftmost match, or one that covers all of the text.
    /// - Parameter ranges: receives byte ranges of the match and of each group, `nil` for groups that took
    ///   no part; empty if there is no match.
    package func captures(
        _ utf8: UnsafeRawBufferPointer, whole: Bool, into ranges: inout [Range<Int>?]
    ) -> Bool {
        program.match(utf8, whole: whole, ranges: &ranges)
    }

    /// The texts of the match and of each group; `nil` if there is no match.
    package func captures(_ text: String, whole: Bool) -> [String?]? {
        var text = text
        return text.withUTF8 { utf8 in
            let raw = UnsafeRawBufferPointer(utf8)
            var ranges: [Range<Int>?] = []
            guard captures(raw, whole: whole, into: &ranges) else { return nil }
            return ranges.map { range in
                range.map { String(decoding: raw[$0], as: UTF8.self) }
            }
        }
    }

    private static func literals(of simple: SimplePattern) -> [String]? {
        var seen: Set<[UInt8]> = []
        var literals: [String] = []
        for alternative in simple.alternatives {
            guard alternative.glob.isLiteral else { return nil }
            if seen.insert(alternative.glob.head).inserted {
                literals.append(String(decoding: alternative.glob.head, as: UTF8.self))
            }
        }
        return literals
    }

    /// Cut back to whole characters.
    private static func commonPrefix(_ literals: [[UInt8]]) -> String {
        guard var prefix = literals.first?[...] else { return "" }
        for literal in literals.dropFirst() {
            let common = zip(prefix, literal).prefix { $0 == $1 }.count
            prefix = prefix.prefix(common)
        }
        while !prefix.isEmpty {
            if let text = String(validating: prefix, as: UTF8.self) { return text }
            prefix = prefix.dropLast()
        }
        return ""
    }
}
