import QueryCore
import Store

/// Checks that every part of an expression has the type its surroundings need. Messages, their order
/// and their positions are those of Prometheus.
struct TypeChecker {
    let source: String

    func check(_ expression: Expression) throws(QueryError) {
        switch expression {
        case .number, .string: break
        case .vectorSelector(let node): try check(node)
        case .rangeSelector(let node): try check(node.selector)
        case .subquery(let node): try check(node)
        case .call(let node): try check(node)
        case .aggregation(let node): try check(node)
        case .binary(let node): try check(node)
        case .unary(let node): try check(node)
        case .parenthesized(let node): try check(node.inner)
        }
    }

    private func check(_ node: VectorSelector) throws(QueryError) {
        if let name = node.name {
            for matcher in node.matchers where matcher.name == "__name__" {
                throw failure(
                    "metric name must not be set twice: \(QuotedText.quote(name)) or "
                        + QuotedText.quote(matcher.value), node.range)
            }
            return
        }
        for matcher in node.matchers {
            if try !matcher.acceptsEmpty(in: source, node.range) { return }
        }
        throw failure("vector selector must contain at least one non-empty matcher", node.range)
    }

    private func check(_ node: Subquery) throws(QueryError) {
        try check(node.inner)
        guard node.inner.type == .instantVector else {
            throw failure(
                "subquery is only allowed on instant vector, got \(node.inner.type.rawValue) instead",
                node.range)
        }
    }

    private func check(_ node: UnaryOperation) throws(QueryError) {
        try check(node.operand)
        let type = node.operand.type
        guard type == .scalar || type == .instantVector else {
            throw failure(
                "unary expression only allowed on expressions of type scalar or instant vector, "
                    + "got \(QuotedText.quote(type.description))", node.range)
        }
    }

    private func check(_ node: FunctionCall) throws(QueryError) {
        let arity = node.function.arity
        let name = QuotedText.quote(node.function.rawValue)
        let count = node.arguments.count
        if arity.lowerBound == arity.upperBound, count != arity.lowerBound {
            throw failure(
                "expected \(arity.lowerBound) argument(s) in call to \(name), got \(count)",
                node.range)
        }
        if count < arity.lowerBound {
            throw failure(
                "expected at least \(arity.lowerBound) argument(s) in call to \(name), got \(count)",
                node.range)
        }
        if count > arity.upperBound {
            throw failure(
                "expected at most \(arity.upperBound) argument(s) in call to \(name), got \(count)",
                node.range)
        }
        if node.function == .info, count > 1 {
            try expect(node.arguments[0], .instantVector, in: "call to function \(name)")
            return try checkInfoSelector(node.arguments[1])
        }
        let types = node.function.arguments
        for (index, argument) in node.arguments.enumerated() {
            try expect(
                argument, types[min(index, types.count - 1)],
                in: "call to function \(name)")
        }
    }

    /// The second argument of `info` selects labels only, and may match everything.
    private func checkInfoSelector(_ expression: Expression) throws(QueryError) {
        guard expression.type == .instantVector else {
            throw failure(
                "expected type instant vector in call to function \"info\", "
                    + "got \(expression.type)", expression.range)
        }
        guard case .vectorSelector(let node) = expression else {
            throw failure("expected label selectors only", expression.range)
        }
        guard node.name == nil else {
            throw failure(
                "expected label selectors only, got vector selector instead", node.range)
        }
    }

    private func check(_ node: Aggregation) throws(QueryError) {
        try expect(node.operand, .instantVector, in: "aggregation expression")
        guard let parameter = node.parameter else { return }
        try expect(
            parameter, node.operator == .countValues ? .string : .scalar,
            in: "aggregation parameter")
    }

    private func expect(
        _ expression: Expression, _ wanted: ValueType, in context: String
    ) throws(QueryError) {
        try check(expression)
        guard expression.type == wanted else {
            throw failure(
                "expected type \(wanted) in \(context), got \(expression.type)", expression.range)
        }
    }

    private func check(_ node: BinaryOperation) throws(QueryError) {
        let chain = OperatorChain(node)
        try check(chain.first)
        var left = chain.first.type
        for operation in chain.operations {
            try check(operation.right)
            let right = operation.right.type
            try check(operation, left, right)
            left = left == .scalar && right == .scalar ? .scalar : .instantVector
        }
    }

    /// Whose operands are right in themselves, of the types `left` and `right`.
    private func check(
        _ node: BinaryOperation, _ left: ValueType, _ right: ValueType
    ) throws(QueryError) {
        if node.returnsBool, !node.operator.isComparison {
            throw failure(
                "bool modifier can only be used on comparison operators", node.operatorRange)
        }
        if node.operator.isComparison, !node.returnsBool, left == .scalar, right == .scalar {
            throw failure(
                "comparisons between scalars must use BOOL modifier", node.operatorRange)
        }
        if case .on(let labels) = node.matching.labels,
            let label = labels.first(where: node.matching.include.contains)
        {
            throw failure(
                "label \(QuotedText.quote(label)) must not occur in ON and GROUP clause at once",
                node.operatorRange)
        }
        for (side, type) in [(node.left, left), (node.right, right)]
        where type != .scalar && type != .instantVector {
            throw failure(
                "binary expression must contain only scalar and instant vector types", side.range)
        }
        try checkMatching(node, areVectors: left == .instantVector && right == .instantVector)
    }

    private func checkMatching(
        _ node: BinaryOperation, areVectors: Bool
    ) throws(QueryError) {
        var range: SourceRange { node.range }
        let symbol = QuotedText.quote(node.operator.rawValue)
        let isFilled = node.matching.isFilled
        if areVectors {
            if node.operator.isSetOperator, isFilled {
                throw failure("filling in missing series not allowed for set operators", range)
            }
            if node.operator.isSetOperator, node.matching.cardinality != .oneToOne {
                throw failure("no grouping allowed for \(symbol) operation", range)
            }
            return
        }
        switch node.matching.labels {
        case .on(let labels) where !labels.isEmpty, .ignoring(let labels) where !labels.isEmpty:
            throw failure("vector matching only allowed between instant vectors", range)
        default: break
        }
        if isFilled {
            throw failure(
                "filling in missing series only allowed between instant vectors", range)
        }
        if node.operator.isSetOperator {
            throw failure("set operator \(symbol) not allowed in binary scalar expression", range)
        }
    }

    private func failure(_ reason: String, _ range: SourceRange) -> QueryError {
        .parse(reason, at: range, in: source)
    }
}
