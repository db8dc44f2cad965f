import QueryCore
import Store

/// Conditions on labels behind `|`.
extension Parser {
    mutating func labelFilter() throws(QueryError) -> LabelFilter {
        try nested { parser throws(QueryError) in try parser.alternatives() }
    }

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
            let filter = try labelFilter()
            try expect(.rightParenthesis)
            return filter
        }
        let name = try identifier()
        guard case .symbol(let symbol) = current.kind, Parser.comparisons.contains(symbol) else {
            throw unexpected("a comparison")
        }
        advance()
        if let addresses = try addresses() {
            guard symbol == .equal || symbol == .notEqual else {
                throw failure("ip() goes with = and != only", current.range)
            }
            return .address(AddressFilter(name, isNegated: symbol == .notEqual, addresses))
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

    static let comparisons: Set<Token.Symbol> = [
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
