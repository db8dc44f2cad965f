import QueryCore

/// What two pieces of a query and an operator between them make.
extension Parser {
    func combined(
        _ left: Node, _ token: Token, _ symbol: Token.Symbol, _ right: Node
    ) throws(QueryError) -> Node {
        let range = left.range.union(right.range)
        switch (left.kind, right.kind) {
        case (.spanset(let a), .spanset(let b)):
            guard let operation = SpansetOperator(rawValue: symbol.rawValue),
                Self.mayStandTogether(left, a, right, b)
            else { throw unexpected(token) }
            return Node(kind: .spanset(.operation(operation, a, b, range)), range: range)
        case (.metrics, _), (_, .metrics): return try metrics(left, token, symbol, right)
        case (.number(let a), .number(let b)):
            guard let operation = arithmetic(symbol), operation != .modulo, operation != .power,
                let value = ConstantFolding.value(operation, a, b)
            else { throw unexpected(token) }
            return Node(kind: .number(value), range: range)
        default: return try scalar(left, token, symbol, right)
        }
    }

    /// Pipelines stand in parentheses, and beside other parentheses only.
    private static func mayStandTogether(
        _ left: Node, _ a: SpansetExpression, _ right: Node, _ b: SpansetExpression
    ) -> Bool {
        guard a.holdsPipeline || b.holdsPipeline else { return true }
        return (left.isWrapped || a.holdsPipeline) && (right.isWrapped || b.holdsPipeline)
    }

    private func arithmetic(_ symbol: Token.Symbol) -> BinaryOperator? {
        guard let operation = BinaryOperator(rawValue: symbol.rawValue), operation.strength > 2
        else { return nil }
        return operation
    }

    private func scalar(
        _ left: Node, _ token: Token, _ symbol: Token.Symbol, _ right: Node
    ) throws(QueryError) -> Node {
        guard let operation = BinaryOperator(rawValue: symbol.rawValue),
            operation.strength > 1, !operation.isPattern,
            let a = scalar(left), let b = scalar(right),
            Self.mayStandTogether(a, b)
        else { throw unexpected(token) }
        let range = left.range.union(right.range)
        if operation.isComparison {
            let filter = ScalarFilter(comparison: operation, left: a, right: b, range: range)
            return Node(kind: .filter(filter), range: range)
        }
        return Node(kind: .scalar(.operation(operation, a, b, range)), range: range)
    }

    /// Aggregates of this pipeline do not mix with those of pipelines in parentheses.
    private static func mayStandTogether(_ a: ScalarExpression, _ b: ScalarExpression) -> Bool {
        guard a.holdsPipeline || b.holdsPipeline else { return true }
        return !a.holdsPlainAggregate && !b.holdsPlainAggregate
    }

    private func scalar(_ node: Node) -> ScalarExpression? {
        switch node.kind {
        case .scalar(let expression): expression
        case .number(let literal): .literal(literal, node.range)
        case .spanset, .filter, .metrics: nil
        }
    }

    private func metrics(
        _ left: Node, _ token: Token, _ symbol: Token.Symbol, _ right: Node
    ) throws(QueryError) -> Node {
        guard let operation = arithmetic(symbol), operation.strength < 6, operation != .modulo
        else { throw unexpected(token) }
        let range = left.range.union(right.range)
        for case .number(let number) in [left.kind, right.kind] where number.type == .duration {
            throw unexpected(token)
        }
        switch (left.kind, right.kind) {
        case (.metrics(let a), .metrics(let b)):
            return Node(kind: .metrics(.math(operation, a, b, range)), range: range)
        case (.metrics(let query), .number(let number)):
            return Node(kind: .metrics(.scaled(operation, query, number, range)), range: range)
        case (.number(let number), .metrics(let query)):
            return Node(kind: .metrics(.offset(operation, number, query, range)), range: range)
        default: throw unexpected(token)
        }
    }
}

extension ScalarExpression {
    fileprivate var holdsPlainAggregate: Bool {
        switch self {
        case .literal, .pipeline: false
        case .aggregate: true
        case .operation(_, let left, let right, _):
            left.holdsPlainAggregate || right.holdsPlainAggregate
        }
    }
}

/// Arithmetic between constants, with the types that it would have on spans.
enum ConstantFolding {
    /// `nil` for a division by zero or a result that does not fit.
    static func value(_ operation: BinaryOperator, _ a: Literal, _ b: Literal) -> Literal? {
        if case .int(let a) = a, case .int(let b) = b {
            return integer(operation, a, b).map(Literal.int)
        }
        guard let x = a.number, let y = b.number else { return nil }
        let result = Arithmetic.apply(operation, x, y)
        guard result.isFinite else { return nil }
        // A multiple of a duration stays one.
        let isDuration = a.type == .duration || b.type == .duration
        guard isDuration else { return .double(result) }
        return result.magnitude < 0x1p63 ? .duration(Int64(result)) : nil
    }

    private static func integer(_ operation: BinaryOperator, _ a: Int64, _ b: Int64) -> Int64? {
        Arithmetic.apply(operation, a, b)
    }
}
