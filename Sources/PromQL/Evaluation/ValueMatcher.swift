import QueryCore
import RegularExpressions
import Store

/// A matcher that is asked about values.
package struct ValueMatcher: Sendable {
    package let matcher: LabelMatcher
    private let pattern: Pattern?

    /// - Throws: `badData` for what is no regular expression.
    package init(_ matcher: LabelMatcher) throws(QueryError) {
        self.matcher = matcher
        guard matcher.operator == .matches || matcher.operator == .doesNotMatch else {
            pattern = nil
            return
        }
        do throws(PatternError) { pattern = try Pattern(matcher.value) } catch {
            throw .badData("error parsing regexp: \(error.reason)")
        }
    }

    package func accepts(_ value: String) -> Bool {
        switch matcher.operator {
        case .equal: value == matcher.value
        case .notEqual: value != matcher.value
        case .matches: pattern?.matchesWhole(value) ?? false
        case .doesNotMatch: !(pattern?.matchesWhole(value) ?? false)
        }
    }
}
