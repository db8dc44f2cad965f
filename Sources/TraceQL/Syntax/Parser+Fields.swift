import QueryCore

/// Expressions of one span, inside `{ }`, of aggregates and of `by`.
extension Parser {
    mutating func fieldExpression(
        strength: Int = 1
    ) throws(QueryError) -> FieldExpression {
        try nested { parser throws(QueryError) in
            try parser.fieldOperations(strength: strength)
        }
    }

    /// An operand with the operators behind it that bind at least as tightly as `strength`.
    private mutating func fieldOperations(
        strength: Int
    ) throws(QueryError) -> FieldExpression {
        var left = try leadingOperand()
        // A chain of operators is a tree as deep as it is long.
        var length = 0
        while let operation = binaryOperator(), operation.strength >= strength {
            advance()
            length += 1
            guard length <= Self.chainMax else { throw chainTooLong() }
            if current.kind == .identifier, current.text == "nil",
                operation == .equal || operation == .notEqual
            {
                advance()
                left = .unary(
                    operation == .equal ? .isMissing : .exists, left, range(from: left.range))
                continue
            }
            // A power groups from the right, all else from the left.
            let right = try fieldExpression(
                strength: operation == .power ? operation.strength : operation.strength + 1)
            left = .binary(operation, left, right, left.range.union(right.range))
        }
        return left
    }

    private func binaryOperator() -> BinaryOperator? {
        guard case .symbol(let symbol) = current.kind else { return nil }
        return BinaryOperator(rawValue: symbol.rawValue)
    }

    /// A field, literal, parenthesis, sign or `nil = …`.
    private mutating func leadingOperand() throws(QueryError) -> FieldExpression {
        let start = current.range
        switch current.kind {
        case .symbol(.leftParenthesis):
            advance()
            let inner = try fieldExpression()
            try expect(.rightParenthesis)
            return inner
        case .symbol(.subtract):
            advance()
            let operand = try fieldExpression(strength: BinaryOperator.negationStrength + 1)
            if case .literal(let literal, _) = operand, let negated = literal.negated {
                return .literal(negated, range(from: start))
            }
            return .unary(.negate, operand, range(from: start))
        case .symbol(.not):
            advance()
            let operand = try fieldExpression(strength: BinaryOperator.notStrength + 1)
            return .unary(.not, operand, range(from: start))
        case .identifier where current.text == "nil":
            return try comparisonWithNil(start)
        case .attribute, .scope:
            let field = try field()
            return .field(field, range(from: start))
        case .identifier where Intrinsic(word: current.text) != nil:
            let field = try field()
            return .field(field, range(from: start))
        default:
            let literal = try literal()
            return .literal(literal, range(from: start))
        }
    }

    /// `nil = x`, `nil != x`.
    private mutating func comparisonWithNil(
        _ start: SourceRange
    ) throws(QueryError) -> FieldExpression {
        advance()
        let isEqual: Bool
        if accept(.equal) {
            isEqual = true
        } else if accept(.notEqual) {
            isEqual = false
        } else {
            throw unexpected("= or !=")
        }
        if accept(word: "nil") { return .literal(.bool(false), range(from: start)) }
        let operand = try fieldExpression(strength: BinaryOperator.equal.strength + 1)
        return .unary(isEqual ? .isMissing : .exists, operand, range(from: start))
    }

    /// An attribute or an intrinsic.
    mutating func field() throws(QueryError) -> Field {
        let token = current
        switch token.kind {
        case .attribute(let field):
            advance()
            return field
        case .scope(let scope):
            advance()
            guard current.kind == .identifier, let intrinsic = Intrinsic(scope, current.text)
            else { throw unexpected("an intrinsic of \(scope.rawValue):") }
            advance()
            return Field(intrinsic)
        case .identifier:
            guard let intrinsic = Intrinsic(word: token.text) else { throw unexpected() }
            advance()
            return Field(intrinsic)
        default: throw unexpected("an attribute")
        }
    }

    mutating func fieldList() throws(QueryError) -> [Field] {
        var fields = [try field()]
        while accept(.comma) { fields.append(try field()) }
        return fields
    }
}
