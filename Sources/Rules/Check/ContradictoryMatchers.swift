import PromQL
import RegularExpressions
import Store

/// Finds selectors whose matchers no series can satisfy together.
enum ContradictoryMatchers {
    /// Every such selector of an expression, in words.
    static func reasons(in expression: Expression) -> [String] {
        var reasons = expression.children.flatMap { self.reasons(in: $0) }
        switch expression {
        case .vectorSelector(let selector): reasons += reason(selector).map { [$0] } ?? []
        case .rangeSelector(let node): reasons += reason(node.selector).map { [$0] } ?? []
        default: break
        }
        return reasons
    }

    private static func reason(_ selector: VectorSelector) -> String? {
        let byLabel = Dictionary(grouping: selector.allMatchers, by: \.name)
        for (_, matchers) in byLabel.sorted(by: { $0.key < $1.key }) where matchers.count > 1 {
            guard let (a, b) = contradiction(matchers) else { continue }
            return "\(Expression.vectorSelector(selector)) matches nothing: \(a) and \(b) exclude "
                + "each other"
        }
        return nil
    }

    private static func contradiction(
        _ matchers: [LabelMatcher]
    ) -> (LabelMatcher, LabelMatcher)? {
        for (index, a) in matchers.enumerated() {
            for b in matchers[(index + 1)...] where exclude(a, b) { return (a, b) }
        }
        return nil
    }

    private static func exclude(_ a: LabelMatcher, _ b: LabelMatcher) -> Bool {
        if let values = values(a) { return !values.contains { accepts(b, $0) } }
        if let values = values(b) { return !values.contains { accepts(a, $0) } }
        return a.value == b.value
            && [a.operator, b.operator].contains(.matches)
            && [a.operator, b.operator].contains(.doesNotMatch)
    }

    /// The only values that a matcher accepts, if they can be told.
    private static func values(_ matcher: LabelMatcher) -> [String]? {
        switch matcher.operator {
        case .equal: [matcher.value]
        case .matches: pattern(matcher)?.literals
        case .notEqual, .doesNotMatch: nil
        }
    }

    private static func accepts(_ matcher: LabelMatcher, _ value: String) -> Bool {
        switch matcher.operator {
        case .equal: value == matcher.value
        case .notEqual: value != matcher.value
        case .matches: pattern(matcher)?.matchesWhole(value) ?? true
        case .doesNotMatch: !(pattern(matcher)?.matchesWhole(value) ?? false)
        }
    }

    private static func pattern(_ matcher: LabelMatcher) -> Pattern? {
        do throws(PatternError) {
            return try Pattern(matcher.value)
        } catch {
            // The parser has refused patterns that do not compile.
            return nil
        }
    }
}
