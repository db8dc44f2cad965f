import QueryCore
import RegularExpressions
import Telemetry

/// A line filter, ready to be asked.
struct LineTest: Sendable {
    private enum Search: Sendable {
        case text(StringSearch)
        case expression(Pattern)
        case pattern(LinePattern)
        case addresses(AddressSet)

        @inline(__always)
        func isFound(in line: UnsafeRawBufferPointer) -> Bool {
            switch self {
            case .text(let text): text.isFound(in: line)
            case .expression(let expression): expression.contains(line)
            case .pattern(let pattern): pattern.fits(line)
            case .addresses(let addresses): addresses.isFound(in: line)
            }
        }
    }

    private let searches: [Search]
    private let isNegated: Bool

    init(_ filter: LineFilter) throws(ExpressionError) {
        isNegated = filter.operator.isNegated
        searches = try filter.terms.map { term throws(ExpressionError) in
            switch term {
            case .address(let text): return .addresses(try AddressSet(text))
            case .text(let text):
                if filter.operator.isPattern { return .pattern(try LinePattern(filter: text)) }
                guard filter.operator.isExpression else { return .text(StringSearch(text)) }
                return .expression(
                    try ExpressionError.pattern(text, LineFilter.patternOptions))
            }
        }
    }

    @inline(__always)
    func accepts(_ line: UnsafeRawBufferPointer) -> Bool {
        for search in searches where search.isFound(in: line) { return !isNegated }
        return isNegated
    }
}
