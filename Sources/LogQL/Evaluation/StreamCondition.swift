import QueryCore
import RegularExpressions
import Store
import Telemetry

/// The matchers of a selector, ready to be asked.
struct StreamCondition: Sendable {
    private let tests: [TextTest]

    init(_ matchers: [LabelMatcher]) throws(QueryError) {
        do throws(ExpressionError) {
            tests = try matchers.map { matcher throws(ExpressionError) in try TextTest(matcher) }
        } catch {
            throw .badData(error.reason)
        }
    }

    func accepts(_ labels: Labels) -> Bool {
        tests.allSatisfy { test in
            var value = labels[test.name] ?? ""
            return value.withUTF8 { test.accepts(UnsafeRawBufferPointer($0)) }
        }
    }
}

/// A condition on the text of one label.
struct TextTest: Sendable {
    let name: String
    private let wanted: [UInt8]
    private let pattern: Pattern?
    private let isNegated: Bool

    init(_ matcher: LabelMatcher) throws(ExpressionError) {
        name = matcher.name
        wanted = Array(matcher.value.utf8)
        isNegated = matcher.operator == .notEqual || matcher.operator == .doesNotMatch
        guard matcher.operator == .matches || matcher.operator == .doesNotMatch else {
            pattern = nil
            return
        }
        pattern = try ExpressionError.pattern(matcher.value)
    }

    func accepts(_ value: UnsafeRawBufferPointer) -> Bool {
        if let pattern { return pattern.matchesWhole(value) != isNegated }
        return value.elementsEqual(wanted) != isNegated
    }
}
