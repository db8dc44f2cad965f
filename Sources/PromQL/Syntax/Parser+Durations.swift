import QueryCore

/// Durations in brackets and after `offset`: literals, or expressions of them.
extension Parser {
    /// A duration as it was written: in milliseconds if it is a literal.
    struct Duration {
        var milliseconds: Int64
        var computed: ComputedDuration?
    }

    /// Between brackets.
    mutating func positiveDuration(
        in context: String, expected: String
    ) throws(QueryError) -> Duration {
        let start = current.range.start
        let computed = try durationExpression(context: (context, expected))
        let range = SourceRange(start, lastConsumedEnd)
        guard case .literal(let literal) = computed else {
            return Duration(milliseconds: 0, computed: computed)
        }
        let milliseconds = try self.milliseconds(literal, range)
        guard milliseconds > 0 else {
            throw failure("duration must be greater than 0", range)
        }
        return Duration(milliseconds: milliseconds)
    }

    /// After `offset`: without parentheses operators belong to what stands around.
    mutating func offsetDuration() throws(QueryError) -> Duration {
        let context = ("offset", "number, duration, step(), or range()")
        let start = current.range.start
        var isNegated = false
        if case .binaryOperator(let sign) = current.kind, sign == .add || sign == .subtract {
            isNegated = sign == .subtract
            try advance()
        }
        var computed = try durationOperand(context: context)
        if isNegated { computed = computed.negation }
        guard case .literal(let literal) = computed else {
            return Duration(milliseconds: 0, computed: computed)
        }
        return Duration(
            milliseconds: try milliseconds(literal, SourceRange(start, lastConsumedEnd)))
    }

    private func milliseconds(
        _ literal: NumberLiteral, _ range: SourceRange
    ) throws(QueryError) -> Int64 {
        // Prometheus counts nanoseconds in 64 bits.
        guard abs(literal.value) <= 9_223_372_036 else {
            throw failure("duration out of range", range)
        }
        return Int64((literal.value * 1_000).rounded(.toNearestOrAwayFromZero))
    }

    // MARK: Expressions

    private mutating func durationExpression(
        precedenceMin: Int = BinaryOperator.add.precedence, context: (String, String)
    ) throws(QueryError) -> ComputedDuration {
        try descend()
        var left: ComputedDuration
        if case .binaryOperator(let sign) = current.kind, sign == .add || sign == .subtract {
            try advance()
            left = try durationExpression(
                precedenceMin: BinaryOperator.signPrecedence + 1, context: context)
            if sign == .subtract { left = left.negation }
        } else {
            left = try durationOperand(context: context)
        }
        while case .binaryOperator(let binary) = current.kind, binary.isDurationArithmetic,
            binary.precedence >= precedenceMin
        {
            let place = current.range
            try advance()
            let right = try durationExpression(
                precedenceMin: binary == .power ? binary.precedence : binary.precedence + 1,
                context: context)
            if case .literal(let literal) = right, literal.value == 0 {
                if binary == .divide { throw failure("division by zero", place) }
                if binary == .modulo { throw failure("modulo by zero", place) }
            }
            left = .binary(binary, left, right)
        }
        return left
    }

    private mutating func durationOperand(
        context: (String, String)
    ) throws(QueryError) -> ComputedDuration {
        switch current.kind {
        case .number, .duration: return .literal(try numberLiteral())
        case .keyword(.step), .keyword(.range):
            let isStep = current.kind == .keyword(.step)
            try advance()
            try expectToken(.leftParenthesis, context)
            try expectToken(.rightParenthesis, context)
            return isStep ? .step : .range
        case .keyword(.maxOf), .keyword(.minOf):
            let isMaximum = current.kind == .keyword(.maxOf)
            try advance()
            try expectToken(.leftParenthesis, context)
            let first = try durationExpression(context: context)
            try expectToken(.comma, context)
            let second = try durationExpression(context: context)
            try expectToken(.rightParenthesis, context)
            return .extreme(isMaximum: isMaximum, first, second)
        case .leftParenthesis:
            try advance()
            let inner = try durationExpression(context: context)
            try expectToken(.rightParenthesis, context)
            return .parenthesized(inner)
        default: throw unexpected(in: context.0, expected: context.1)
        }
    }

    private mutating func expectToken(
        _ kind: Token.Kind, _ context: (String, String)
    ) throws(QueryError) {
        guard current.kind == kind else { throw unexpected(in: context.0, expected: context.1) }
        try advance()
    }
}

extension ComputedDuration {
    fileprivate var negation: ComputedDuration {
        guard case .literal(var literal) = self else { return .negated(self) }
        literal.value = -literal.value
        return .literal(literal)
    }
}

extension BinaryOperator {
    fileprivate var isDurationArithmetic: Bool {
        switch self {
        case .add, .subtract, .multiply, .divide, .modulo, .power: true
        default: false
        }
    }
}
