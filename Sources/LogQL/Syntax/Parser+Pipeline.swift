import QueryCore
import RegularExpressions
import Store

extension Parser {
    /// Stages of Loki that this program has not.
    private static let unsupportedStages: Set<String> = [
        "decolorize", "distinct", "keep", "label_format", "line_format", "logfmt", "pattern",
        "regexp", "unpack", "unwrap",
    ]

    mutating func pipeline() throws(QueryError) -> [PipelineStage] {
        var stages: [PipelineStage] = []
        while case .symbol(let symbol) = current.kind {
            if let filter = LineFilter.Operator(rawValue: symbol.rawValue) {
                stages.append(.line(try lineFilter(filter)))
            } else if symbol == .containsPattern || symbol == .containsNoPattern {
                throw notSupported("line filter \(symbol.rawValue)", current.range)
            } else if symbol == .pipe {
                stages.append(try stage())
            } else {
                break
            }
        }
        return stages
    }

    private mutating func lineFilter(
        _ filter: LineFilter.Operator
    ) throws(QueryError) -> LineFilter {
        let start = current.range.start
        advance()
        var texts: [String] = []
        repeat {
            if current.kind == .identifier, current.text == "ip" {
                throw notSupported("ip()", current.range)
            }
            let range = current.range
            let text = try string()
            if filter.isPattern { try checkPattern(text, LineFilter.patternOptions, range) }
            texts.append(text)
        } while accept(word: "or")
        return LineFilter(
            operator: filter, texts: texts, range: SourceRange(start, previousEnd))
    }

    private mutating func stage() throws(QueryError) -> PipelineStage {
        let start = current.range.start
        try expect(.pipe)
        // After the name of a stage `!=` and `!~` begin a line filter, as in Loki.
        let isFilter =
            switch following.kind {
            case .symbol(.notEqual), .symbol(.doesNotMatch): false
            case .symbol(let symbol): Parser.comparisons.contains(symbol)
            default: false
            }
        if current.kind == .identifier, !isFilter {
            if Parser.unsupportedStages.contains(current.text) {
                throw notSupported(current.text, current.range)
            }
            if accept(word: "json") {
                if current.kind == .identifier {
                    throw notSupported("json with parameters", current.range)
                }
                return .json(SourceRange(start, previousEnd))
            }
            if accept(word: "drop") { return try drop(from: start) }
        }
        let filter = try nested { parser throws(QueryError) in try parser.alternatives() }
        return .label(filter, SourceRange(start, previousEnd))
    }

    private mutating func drop(from start: Int) throws(QueryError) -> PipelineStage {
        var names: [String] = []
        repeat {
            names.append(try identifier())
            if case .symbol(.equal) = current.kind {
                throw notSupported("drop with matchers", current.range)
            }
        } while accept(.comma)
        return .drop(names, SourceRange(start, previousEnd))
    }

    // MARK: Label filters

    /// `or` binds loosest; `and`, a comma and mere juxtaposition mean the same.
    private mutating func alternatives() throws(QueryError) -> LabelFilter {
        var parts = [try conjunction()]
        while accept(word: "or") { parts.append(try conjunction()) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func conjunction() throws(QueryError) -> LabelFilter {
        var parts = [try condition()]
        while true {
            if accept(word: "and") || accept(.comma) || beginsCondition {
                parts.append(try condition())
            } else {
                return parts.count == 1 ? parts[0] : .all(parts)
            }
        }
    }

    private var beginsCondition: Bool {
        switch current.kind {
        case .identifier: current.text != "or" && current.text != "offset"
        case .symbol(.leftParenthesis): true
        default: false
        }
    }

    private mutating func condition() throws(QueryError) -> LabelFilter {
        if accept(.leftParenthesis) {
            let filter = try nested { parser throws(QueryError) in try parser.alternatives() }
            try expect(.rightParenthesis)
            return filter
        }
        let name = try identifier()
        guard case .symbol(let symbol) = current.kind, Parser.comparisons.contains(symbol) else {
            throw unexpected("a comparison")
        }
        advance()
        if current.kind == .identifier, current.text == "ip" {
            throw notSupported("ip()", current.range)
        }
        if case .string(let text) = current.kind {
            guard let matching = LabelMatcher.Operator(rawValue: symbol.rawValue) else {
                throw unexpected("a number, duration or size")
            }
            let matcher = LabelMatcher(name, matching, text)
            try checkPattern(of: matcher, current.range)
            advance()
            return .text(matcher)
        }
        let text = symbol == .equal ? "==" : symbol.rawValue
        guard let comparison = QuantityFilter.Comparison(rawValue: text) else {
            throw unexpected("STRING")
        }
        return .quantity(QuantityFilter(name, comparison, try literal()))
    }

    private static let comparisons: Set<Token.Symbol> = [
        .equal, .doubleEqual, .notEqual, .matches, .doesNotMatch, .less, .lessOrEqual, .greater,
        .greaterOrEqual,
    ]

    private mutating func literal() throws(QueryError) -> QuantityFilter.Literal {
        let isNegative = accept(.subtract)
        let isSigned = isNegative || accept(.add)
        switch current.kind {
        case .number(let number):
            advance()
            return .number(isNegative ? -number : number)
        case .duration(let nanoseconds) where !isSigned:
            advance()
            return .duration(nanoseconds)
        case .bytes(let bytes) where !isSigned:
            advance()
            return .bytes(bytes)
        default: throw unexpected(isSigned ? "NUMBER" : "STRING, NUMBER, DURATION or BYTES")
        }
    }
}

extension LineFilter {
    /// Line filters match as Loki's: `.` stops at a line feed, `^` and `$` are the ends of the line.
    static let patternOptions = Pattern.Options(dotMatchesNewline: false)
}
