import QueryCore
import Store

/// A PromQL expression as it was written: parentheses are nodes, nothing is folded except the sign of
/// a number. Every node knows where it stands; printing it (`description`) gives text that parses to
/// the same tree.
package indirect enum Expression: Hashable, Sendable {
    case number(NumberLiteral)
    case string(StringLiteral)
    case vectorSelector(VectorSelector)
    case rangeSelector(RangeSelector)
    case subquery(Subquery)
    case call(FunctionCall)
    case aggregation(Aggregation)
    case binary(BinaryOperation)
    case unary(UnaryOperation)
    case parenthesized(Parenthesized)

    /// Where the expression stands in the query.
    package var range: SourceRange {
        switch self {
        case .number(let node): node.range
        case .string(let node): node.range
        case .vectorSelector(let node): node.range
        case .rangeSelector(let node): node.range
        case .subquery(let node): node.range
        case .call(let node): node.range
        case .aggregation(let node): node.range
        case .binary(let node): node.range
        case .unary(let node): node.range
        case .parenthesized(let node): node.range
        }
    }

    /// What the expression yields.
    package var type: ValueType {
        switch self {
        case .number: .scalar
        case .string: .string
        case .vectorSelector, .aggregation: .instantVector
        case .rangeSelector, .subquery: .rangeVector
        case .call(let node): node.function.returns
        case .binary(let node): node.type
        case .unary(let node): node.operand.type
        case .parenthesized(let node): node.inner.type
        }
    }

    /// Without enclosing parentheses.
    package var unwrapped: Expression {
        var expression = self
        while case .parenthesized(let node) = expression { expression = node.inner }
        return expression
    }

    /// The expressions directly inside this one, in order of appearance.
    package var children: [Expression] {
        switch self {
        case .number, .string, .vectorSelector, .rangeSelector: []
        case .subquery(let node): [node.inner]
        case .call(let node): node.arguments
        case .aggregation(let node): [node.parameter, node.operand].compactMap { $0 }
        case .binary(let node): [node.left, node.right]
        case .unary(let node): [node.operand]
        case .parenthesized(let node): [node.inner]
        }
    }
}

/// The four types of PromQL values; raw values are those of the HTTP API.
package enum ValueType: String, Sendable, CustomStringConvertible {
    case scalar
    case string
    case instantVector = "vector"
    case rangeVector = "matrix"

    /// As the documentation and error messages call it.
    package var description: String {
        switch self {
        case .scalar: "scalar"
        case .string: "string"
        case .instantVector: "instant vector"
        case .rangeVector: "range vector"
        }
    }
}

/// A number as written.
package struct NumberLiteral: Hashable, Sendable {
    /// A duration is its number of seconds.
    package var value: Double
    /// Written as a duration, such as `5m`.
    package var isDuration = false
    package var range: SourceRange

    package init(value: Double, isDuration: Bool = false, range: SourceRange) {
        self.value = value
        self.isDuration = isDuration
        self.range = range
    }
}

/// A quoted text.
package struct StringLiteral: Hashable, Sendable {
    package var value: String
    package var range: SourceRange

    package init(value: String, range: SourceRange) {
        self.value = value
        self.range = range
    }
}

/// `name{matchers} @ time offset duration`.
package struct VectorSelector: Hashable, Sendable {
    /// The name before the braces; a quoted name inside them is a matcher.
    package var name: String?
    package var matchers: [LabelMatcher]
    package var shift = TimeShift()
    /// `anchored` or `smoothed`.
    package var edges = WindowEdges.asSampled
    package var range: SourceRange

    package init(
        name: String? = nil, matchers: [LabelMatcher], shift: TimeShift = TimeShift(),
        range: SourceRange
    ) {
        self.name = name
        self.matchers = matchers
        self.shift = shift
        self.range = range
    }

    /// All conditions, the one on the name last.
    package var allMatchers: [LabelMatcher] {
        guard let name else { return matchers }
        return matchers + [LabelMatcher("__name__", .equal, name)]
    }
}

/// What stands at the bounds of windows.
package enum WindowEdges: String, Hashable, Sendable {
    /// Only samples within.
    case asSampled = ""
    /// At the start the sample before it, no extrapolation.
    case anchored
    /// At both ends what lies on the line between the samples around.
    case smoothed
}

/// `selector[range]`; `@` and `offset` are kept in the selector.
package struct RangeSelector: Hashable, Sendable {
    package var selector: VectorSelector
    /// Milliseconds; 0 as long as it has to be computed.
    package var duration: Int64
    package var computedDuration: ComputedDuration?
    package var range: SourceRange

    package init(selector: VectorSelector, duration: Int64, range: SourceRange) {
        self.selector = selector
        self.duration = duration
        self.range = range
    }
}

/// `expression[range:step]`.
package struct Subquery: Hashable, Sendable {
    package var inner: Expression
    /// Milliseconds; 0 as long as it has to be computed.
    package var duration: Int64
    package var computedDuration: ComputedDuration?
    /// Milliseconds; `nil` takes the engine's default, or has to be computed.
    package var step: Int64?
    package var computedStep: ComputedDuration?
    package var shift = TimeShift()
    package var range: SourceRange

    package init(
        inner: Expression, duration: Int64, step: Int64? = nil, shift: TimeShift = TimeShift(),
        range: SourceRange
    ) {
        self.inner = inner
        self.duration = duration
        self.step = step
        self.shift = shift
        self.range = range
    }
}

/// When a selector or subquery looks, relative to the evaluation.
package struct TimeShift: Hashable, Sendable {
    package enum Anchor: Hashable, Sendable {
        /// Milliseconds since the epoch.
        case time(Int64)
        /// `start()` and `end()` of the whole query.
        case start, end
    }

    package var at: Anchor?
    /// Milliseconds into the past; negative into the future; 0 as long as it has to be computed.
    package var offset: Int64 = 0
    package var computedOffset: ComputedDuration?

    package init(at: Anchor? = nil, offset: Int64 = 0) {
        self.at = at
        self.offset = offset
    }
}

/// A function with its arguments, checked against its signature.
package struct FunctionCall: Hashable, Sendable {
    package var function: Function
    package var arguments: [Expression]
    package var range: SourceRange

    package init(function: Function, arguments: [Expression], range: SourceRange) {
        self.function = function
        self.arguments = arguments
        self.range = range
    }
}

/// An aggregation over series, grouped `by` or `without` labels.
package struct Aggregation: Hashable, Sendable {
    package enum Operator: String, Sendable, CaseIterable {
        case sum, avg, count, min, max, group, stddev, stdvar, topk, bottomk, quantile
        case countValues = "count_values"
        case limitk
        case limitRatio = "limit_ratio"

        /// Takes a parameter before the vector.
        package var hasParameter: Bool {
            switch self {
            case .topk, .bottomk, .quantile, .countValues, .limitk, .limitRatio: true
            default: false
            }
        }
    }

    /// Which labels form the groups. `without` nothing differs from `by` nothing.
    package enum Grouping: Hashable, Sendable {
        case by([String])
        case without([String])
    }

    package var `operator`: Operator
    package var parameter: Expression?
    package var operand: Expression
    package var grouping: Grouping = .by([])
    package var range: SourceRange

    package init(
        operator: Operator, parameter: Expression? = nil, operand: Expression,
        grouping: Grouping = .by([]), range: SourceRange
    ) {
        self.operator = `operator`
        self.parameter = parameter
        self.operand = operand
        self.grouping = grouping
        self.range = range
    }
}

/// A sign before an operand.
package struct UnaryOperation: Hashable, Sendable {
    package var isNegation: Bool
    package var operand: Expression
    package var range: SourceRange

    package init(isNegation: Bool, operand: Expression, range: SourceRange) {
        self.isNegation = isNegation
        self.operand = operand
        self.range = range
    }
}

/// An expression in parentheses, kept so that it prints back.
package struct Parenthesized: Hashable, Sendable {
    package var inner: Expression
    package var range: SourceRange

    package init(inner: Expression, range: SourceRange) {
        self.inner = inner
        self.range = range
    }
}
