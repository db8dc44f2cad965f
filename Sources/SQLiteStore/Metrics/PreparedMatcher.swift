import RegularExpressions
import Store

/// A label matcher with its pattern compiled.
struct PreparedMatcher: Sendable {
    fileprivate enum Test: Sendable {
        case equals(String)
        case pattern(Pattern)
        case isAny(of: Set<String>)
    }

    let name: String
    private let test: Test
    private let isNegated: Bool
    /// The only values that satisfy it, where they can be told.
    let literals: [String]?
    /// Whether a series without the label satisfies it: a missing label is an empty value.
    let acceptsMissing: Bool

    init(_ matcher: LabelMatcher) throws(StoreError) {
        let isNegated = matcher.operator == .notEqual || matcher.operator == .doesNotMatch
        switch matcher.operator {
        case .equal, .notEqual:
            self.init(matcher.name, .equals(matcher.value), isNegated: isNegated)
        case .matches, .doesNotMatch:
            do {
                self.init(
                    matcher.name, .pattern(try Pattern(matcher.value)), isNegated: isNegated)
            } catch {
                throw .invalidPattern(pattern: matcher.value, reason: error.reason)
            }
        }
    }

    /// Accepts any of `values`, none of them empty.
    init(name: String, anyOf values: some Sequence<String>) {
        self.init(name, .isAny(of: Set(values)), isNegated: false)
    }

    private init(_ name: String, _ test: Test, isNegated: Bool) {
        self.name = name
        self.test = test
        self.isNegated = isNegated
        literals = isNegated ? nil : test.literals
        acceptsMissing = test.accepts(UnsafeRawBufferPointer(start: nil, count: 0)) != isNegated
    }

    /// Accepts what this one refuses.
    var negated: PreparedMatcher { PreparedMatcher(name, test, isNegated: !isNegated) }

    func accepts(_ value: UnsafeRawBufferPointer) -> Bool { test.accepts(value) != isNegated }
}

extension PreparedMatcher.Test {
    fileprivate var literals: [String]? {
        switch self {
        case .equals(let value): [value]
        case .pattern(let pattern): pattern.literals
        case .isAny(let values): Array(values)
        }
    }

    fileprivate func accepts(_ value: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .equals(var wanted): wanted.withUTF8 { value.elementsEqual($0) }
        case .pattern(let pattern): pattern.matchesWhole(value)
        case .isAny(let values): values.contains(String(decoding: value, as: UTF8.self))
        }
    }
}
