import QueryCore
import RegularExpressions

/// A line filter, ready to be asked.
struct LineTest: Sendable {
    private enum Search: Sendable {
        case text(StringSearch)
        case pattern(Pattern)

        @inline(__always)
        func isFound(in line: UnsafeRawBufferPointer) -> Bool {
            switch self {
            case .text(let text): text.isFound(in: line)
            case .pattern(let pattern): pattern.contains(line)
            }
        }
    }

    private let searches: [Search]
    private let isNegated: Bool

    init(_ filter: LineFilter) throws(QueryError) {
        isNegated = filter.operator.isNegated
        searches = try filter.texts.map { text throws(QueryError) in
            guard filter.operator.isPattern else { return .text(StringSearch(text)) }
            do throws(PatternError) {
                return .pattern(try Pattern(text, options: LineFilter.patternOptions))
            } catch {
                throw .badData("error parsing regexp: \(error.reason)")
            }
        }
    }

    @inline(__always)
    func accepts(_ line: UnsafeRawBufferPointer) -> Bool {
        for search in searches where search.isFound(in: line) { return !isNegated }
        return isNegated
    }
}
