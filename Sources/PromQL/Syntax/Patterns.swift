import QueryCore
import RegularExpressions
import Store

extension Parser {
    /// Refuses a matcher whose pattern is no regular expression.
    func checkPattern(of matcher: LabelMatcher, _ range: SourceRange) throws(QueryError) {
        guard matcher.operator == .matches || matcher.operator == .doesNotMatch else { return }
        do throws(PatternError) {
            _ = try Pattern(matcher.value)
        } catch {
            throw failure("error parsing regexp: \(error.reason)", range)
        }
    }
}

extension LabelMatcher {
    /// Whether a missing label satisfies the matcher.
    func acceptsEmpty(in source: String, _ range: SourceRange) throws(QueryError) -> Bool {
        switch self.operator {
        case .equal: return value.isEmpty
        case .notEqual: return !value.isEmpty
        case .matches, .doesNotMatch: break
        }
        do throws(PatternError) {
            return try Pattern(value).matchesWhole("") == (self.operator == .matches)
        } catch {
            throw .parse("error parsing regexp: \(error.reason)", at: range, in: source)
        }
    }
}
