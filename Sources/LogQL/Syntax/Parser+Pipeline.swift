import QueryCore
import RegularExpressions
import Store

/// Why an expression inside a query (a template, a path, a pattern, addresses) says nothing.
struct ExpressionError: Error, Equatable {
    var reason: String
}

extension Parser {
    /// Stages up to the end, or up to `| unwrap`, which only windows have.
    mutating func pipeline() throws(QueryError) -> [PipelineStage] {
        var stages: [PipelineStage] = []
        while case .symbol(let symbol) = current.kind {
            if let filter = LineFilter.Operator(rawValue: symbol.rawValue) {
                stages.append(.line(try lineFilter(filter)))
            } else if symbol == .pipe, !beginsUnwrap {
                stages.append(try stage())
            } else {
                break
            }
        }
        return stages
    }

    /// Whether `| unwrap label` stands here, and not a filter on a label of that name.
    var beginsUnwrap: Bool {
        current.kind == .symbol(.pipe) && following.kind == .identifier
            && following.text == "unwrap" && !isComparison(ahead: 2)
    }

    private mutating func lineFilter(
        _ filter: LineFilter.Operator
    ) throws(QueryError) -> LineFilter {
        let start = current.range.start
        advance()
        var terms: [LineFilter.Term] = []
        repeat { terms.append(try term(filter)) } while accept(word: "or")
        return LineFilter(
            operator: filter, terms: terms, range: SourceRange(start, previousEnd))
    }

    private mutating func term(
        _ filter: LineFilter.Operator
    ) throws(QueryError) -> LineFilter.Term {
        if let addresses = try addresses() {
            guard filter == .contains || filter == .containsNot else {
                throw failure("ip() goes with |= and != only", current.range)
            }
            return .address(addresses)
        }
        let range = current.range
        let text = try string()
        if filter.isExpression { try checkPattern(text, LineFilter.patternOptions, range) }
        if filter.isPattern {
            try check(range, "invalid pattern") { () throws(ExpressionError) in
                _ = try LinePattern(filter: text)
            }
        }
        return .text(text)
    }

    /// `ip("…")` if it stands here.
    mutating func addresses() throws(QueryError) -> String? {
        guard current.kind == .identifier, current.text == "ip",
            following.kind == .symbol(.leftParenthesis)
        else { return nil }
        advance()
        advance()
        let range = current.range
        let text = try string()
        try check(range, "invalid ip()") { () throws(ExpressionError) in
            _ = try AddressSet(text)
        }
        try expect(.rightParenthesis)
        return text
    }

    func check(
        _ range: SourceRange, _ what: String, _ body: () throws(ExpressionError) -> Void
    ) throws(QueryError) {
        do throws(ExpressionError) {
            try body()
        } catch {
            throw failure("\(what): \(error.reason)", range)
        }
    }

    private mutating func stage() throws(QueryError) -> PipelineStage {
        let start = current.range.start
        try expect(.pipe)
        // After the name of a stage `!=` and `!~` begin a line filter, as in Loki.
        if current.kind == .identifier, !isComparison(ahead: 1),
            let name = StageName(rawValue: current.text)
        {
            advance()
            return try stage(name, from: start)
        }
        let filter = try labelFilter()
        return .label(filter, SourceRange(start, previousEnd))
    }

    /// Whether the token there compares a label, as no stage's arguments begin.
    private func isComparison(ahead: Int) -> Bool {
        switch token(ahead: ahead).kind {
        case .symbol(.notEqual), .symbol(.doesNotMatch): false
        case .symbol(let symbol): Parser.comparisons.contains(symbol)
        default: false
        }
    }

    private enum StageName: String {
        case json, logfmt, regexp, pattern, unpack, decolorize, drop, keep, distinct
        case lineFormat = "line_format"
        case labelFormat = "label_format"
    }

    private mutating func stage(
        _ name: StageName, from start: Int
    ) throws(QueryError) -> PipelineStage {
        switch name {
        case .json:
            let fields = try extractions(.json)
            return .json(fields, SourceRange(start, previousEnd))
        case .logfmt:
            let options = try logfmtOptions()
            let fields = try extractions(.logfmt)
            return .logfmt(options, fields, SourceRange(start, previousEnd))
        case .regexp: return .regexp(try namedGroups(), SourceRange(start, previousEnd))
        case .pattern:
            let text = try checkedString("invalid pattern") { text throws(ExpressionError) in
                _ = try LinePattern(parser: text)
            }
            return .pattern(text, SourceRange(start, previousEnd))
        case .unpack: return .unpack(SourceRange(start, previousEnd))
        case .decolorize: return .decolorize(SourceRange(start, previousEnd))
        case .lineFormat:
            let text = try checkedString("invalid line template") {
                text throws(ExpressionError) in _ = try Template(text)
            }
            return .lineFormat(text, SourceRange(start, previousEnd))
        case .labelFormat:
            return .labelFormat(try labelFormats(), SourceRange(start, previousEnd))
        case .drop: return .drop(try selections(), SourceRange(start, previousEnd))
        case .keep: return .keep(try selections(), SourceRange(start, previousEnd))
        case .distinct:
            var names: [String] = []
            repeat { names.append(try identifier()) } while accept(.comma)
            return .distinct(names, SourceRange(start, previousEnd))
        }
    }

    private mutating func checkedString(
        _ what: String, _ body: (String) throws(ExpressionError) -> Void
    ) throws(QueryError) -> String {
        let range = current.range
        let text = try string()
        try check(range, what) { () throws(ExpressionError) in try body(text) }
        return text
    }

    private mutating func namedGroups() throws(QueryError) -> String {
        let range = current.range
        let text = try string()
        let pattern: Pattern
        do throws(ExpressionError) {
            pattern = try ExpressionError.pattern(text, LineFilter.patternOptions)
        } catch {
            throw failure(error.reason, range)
        }
        let names = pattern.groupNames.compactMap { $0 }
        guard !names.isEmpty else {
            throw failure("at least one named capture must be supplied", range)
        }
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            throw failure("duplicate extracted label name '\(name)'", range)
        }
        return text
    }

    private mutating func logfmtOptions() throws(QueryError) -> LogfmtOptions {
        var options = LogfmtOptions()
        while current.kind == .symbol(.subtract), following.kind == .symbol(.subtract) {
            advance()
            advance()
            if accept(word: "strict") {
                options.isStrict = true
            } else if accept(word: "keep") {
                try expect(.subtract)
                guard accept(word: "empty") else { throw unexpected("--keep-empty") }
                options.keepsEmpty = true
            } else {
                throw unexpected("--strict or --keep-empty")
            }
        }
        return options
    }

    private enum ExtractionKind {
        case json, logfmt
    }

    /// `label="expression", label`; the latter is the field of that name.
    private mutating func extractions(
        _ kind: ExtractionKind
    ) throws(QueryError) -> [FieldExtraction] {
        guard current.kind == .identifier else { return [] }
        var found: [FieldExtraction] = []
        repeat {
            let label = try identifier()
            guard accept(.equal) else {
                found.append(FieldExtraction(label, label))
                continue
            }
            let range = current.range
            let expression = try string()
            if kind == .json {
                try check(range, "cannot parse expression [\(expression)]") {
                    () throws(ExpressionError) in _ = try FieldPath(expression)
                }
            }
            found.append(FieldExtraction(label, expression))
        } while accept(.comma)
        return found
    }

    private mutating func labelFormats() throws(QueryError) -> [LabelFormat] {
        var formats: [LabelFormat] = []
        repeat {
            let range = current.range
            let name = try identifier()
            guard name != LineLabels.errorName else {
                throw failure("\(name) cannot be formatted", range)
            }
            guard !formats.contains(where: { $0.name == name }) else {
                throw failure(
                    "multiple label name '\(name)' not allowed in a single format operation", range)
            }
            try expect(.equal)
            if current.kind == .identifier {
                formats.append(LabelFormat(name, .label(try identifier())))
            } else {
                let text = try checkedString("invalid template for label '\(name)'") {
                    text throws(ExpressionError) in _ = try Template(text)
                }
                formats.append(LabelFormat(name, .template(text)))
            }
        } while accept(.comma)
        return formats
    }

    private mutating func selections() throws(QueryError) -> [LabelSelection] {
        var found: [LabelSelection] = []
        repeat {
            if case .symbol(let symbol) = following.kind,
                LabelMatcher.Operator(rawValue: symbol.rawValue) != nil,
                case .string = token(ahead: 2).kind
            {
                found.append(.matching(try matcher()))
            } else {
                found.append(.name(try identifier()))
            }
        } while accept(.comma)
        return found
    }
}

extension LineFilter {
    /// Line filters match as Loki's: `.` stops at a line feed, `^` and `$` are the ends of the line.
    static let patternOptions = Pattern.Options(dotMatchesNewline: false)
}
