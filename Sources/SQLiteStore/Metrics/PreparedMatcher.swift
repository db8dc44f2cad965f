import RegularExpressions
import Store

/// A label matcher with its pattern compiled.
struct PreparedMatcher: Sendable {
    private enum Test {
        case equals(String)
        case pattern(Pattern)
        case isAny(of: Set<String>)
    }

    let name: String
    private let test: Test
    private let isNegated: Bool

    init(_ matcher: LabelMatcher) throws(StoreError) {
        name = matcher.name
        isNegated = matcher.operator == .notEqual || matcher.operator == .doesNotMatch
        switch matcher.operator {
        case .equal, .notEqual: test = .equals(matcher.value)
        case .matches, .doesNotMatch:
            do {
                test = .pattern(try Pattern(matcher.value))
            } catch {
                throw .invalidPattern(pattern: matcher.value, reason: error.reason)
            }
        }
    }

    /// Accepts any of `values`, none of them empty.
    init(name: String, anyOf values: some Sequence<String>) {
        self.name = name
        test = .isAny(of: Set(values))
        isNegated = false
    }

    private init(negating other: PreparedMatcher) {
        name = other.name
        test = other.test
        isNegated = !other.isNegated
    }

    /// Accepts what this one refuses.
    var negated: PreparedMatcher { PreparedMatcher(negating: self) }

    /// The only values that satisfy it, where they can be told.
    var literals: [String]? {
        if isNegated { return nil }
        switch test {
        case .equals(let value): return [value]
        case .pattern(let pattern): return pattern.literals
        case .isAny(let values): return Array(values)
        }
    }

    /// Whether a series without the label satisfies it: a missing label is an empty value.
    var acceptsMissing: Bool { accepts(UnsafeRawBufferPointer(start: nil, count: 0)) }

    func accepts(_ value: UnsafeRawBufferPointer) -> Bool {
        let matches =
            switch test {
            case .equals(var wanted): wanted.withUTF8 { value.elementsEqual($0) }
            case .pattern(let pattern): pattern.matchesWhole(value)
            case .isAny(let values): values.contains(String(decoding: value, as: UTF8.self))
            }
        return matches != isNegated
    }
}
