import RegularExpressions

/// Functions with regular expressions.
extension TemplateRun {
    mutating func callPattern(_ arguments: TemplateArguments) throws(ExpressionError)
        -> TemplateValue
    {
        let isCount = arguments.function == .count
        try arguments.count(isCount ? 2 : 3)
        let pattern = try pattern(try arguments.text(0))
        let text = Array(try arguments.text(1).utf8)
        if isCount {
            var count: Int64 = 0
            TemplateRun.matches(of: pattern, in: text) { _ in count += 1 }
            return .int(count)
        }
        let template = try arguments.text(2)
        let isLiteral = arguments.function == .regexReplaceAllLiteral
        let replacement = Replacement(template, for: pattern)
        var result: [UInt8] = []
        var offset = 0
        TemplateRun.matches(of: pattern, in: text) { groups in
            guard let whole = groups.first ?? nil, result.count <= TemplateRun.outputBytesMax else {
                return
            }
            result += text[offset..<whole.lowerBound]
            if isLiteral {
                result += Array(template.utf8)
            } else {
                let texts = groups.map { range in
                    range.map { String(decoding: text[$0], as: UTF8.self) }
                }
                result += Array(replacement.expanded(with: texts).utf8)
            }
            offset = whole.upperBound
        }
        result += text[offset...]
        return .text(String(decoding: result, as: UTF8.self))
    }

    private mutating func pattern(_ source: String) throws(ExpressionError) -> Pattern {
        if let known = patterns[source] { return known }
        do throws(PatternError) {
            let pattern = try Pattern(source, options: LineFilter.patternOptions)
            if patterns.count < 64 { patterns[source] = pattern }
            return pattern
        } catch {
            throw ExpressionError(reason: "error parsing regexp: \(error.reason)")
        }
    }

    /// Visits the matches from left to right, none within another, as Go's `FindAll`. A pattern that
    /// begins with `^` matches at the beginning only.
    private static func matches(
        of pattern: Pattern, in text: [UInt8], _ body: ([Range<Int>?]) -> Void
    ) {
        let isAnchored = pattern.source.hasPrefix("^") || pattern.source.hasPrefix("\\A")
        var offset = 0
        var lastEnd = -1
        var groups: [Range<Int>?] = []
        while offset <= text.count {
            let isFound = text.withUnsafeBytes { bytes in
                pattern.captures(
                    UnsafeRawBufferPointer(rebasing: bytes[offset...]), whole: false, into: &groups)
            }
            guard isFound, let found = groups.first ?? nil else { return }
            let whole = (found.lowerBound + offset)..<(found.upperBound + offset)
            // An empty match right behind another is none.
            if !(whole.isEmpty && whole.lowerBound == lastEnd) {
                let base = offset
                body(groups.map { $0.map { ($0.lowerBound + base)..<($0.upperBound + base) } })
            }
            lastEnd = whole.upperBound
            offset = whole.isEmpty ? next(after: whole.upperBound, in: text) : whole.upperBound
            if isAnchored { return }
        }
    }

    /// The beginning of the character behind the one at `offset`.
    private static func next(after offset: Int, in text: [UInt8]) -> Int {
        var next = offset + 1
        while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
        return next
    }
}
