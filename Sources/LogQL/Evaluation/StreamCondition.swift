import QueryCore
import RegularExpressions
import Store
import Telemetry

/// The matchers of a selector, ready to be asked.
struct StreamCondition: Sendable {
    private let tests: [TextTest]

    init(_ matchers: [LabelMatcher]) throws(QueryError) {
        tests = try matchers.map { matcher throws(QueryError) in try TextTest(matcher) }
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

    init(_ matcher: LabelMatcher) throws(QueryError) {
        name = matcher.name
        wanted = Array(matcher.value.utf8)
        isNegated = matcher.operator == .notEqual || matcher.operator == .doesNotMatch
        guard matcher.operator == .matches || matcher.operator == .doesNotMatch else {
            pattern = nil
            return
        }
        do throws(PatternError) {
            pattern = try Pattern(matcher.value)
        } catch {
            throw .badData("error parsing regexp: \(error.reason)")
        }
    }

    func accepts(_ value: UnsafeRawBufferPointer) -> Bool {
        if let pattern { return pattern.matchesWhole(value) != isNegated }
        return value.elementsEqual(wanted) != isNegated
    }
}
