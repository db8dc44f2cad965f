import QueryCore

/// Function calls, aggregations, and the modifiers of binary operators.
extension Parser {
    mutating func call(_ name: Token) throws(QueryError) -> Expression {
        let arguments = try self.arguments()
        guard let function = Function(rawValue: name.text) else {
            let quoted = QuotedText.quote(name.text)
            throw failure("unknown function with name \(quoted)", name.range)
        }
        return .call(
            FunctionCall(
                function: function, arguments: arguments,
                range: SourceRange(name.range.start, lastConsumedEnd)))
    }

    /// Expressions between parentheses, with commas; the opening one is next.
    private mutating func arguments() throws(QueryError) -> [Expression] {
        var arguments: [Expression] = []
        try advance()
        while current.kind != .rightParenthesis {
            arguments.append(try expression())
            guard current.kind == .comma else { break }
            let comma = current.range
            try advance()
            if current.kind == .rightParenthesis || current.kind == .comma {
                throw failure("trailing commas not allowed in function call args", comma)
            }
        }
        guard current.kind == .rightParenthesis else { throw unexpected() }
        try advance()
        return arguments
    }

    // MARK: Aggregations

    mutating func aggregation(
        _ aggregator: Aggregation.Operator, _ token: Token
    ) throws(QueryError) -> Expression {
        aggregationDepth += 1
        var grouping = try groupingClause()
        guard current.kind == .leftParenthesis else { throw unexpected() }
        let arguments = try self.arguments()
        var end = lastConsumedEnd
        if grouping == nil {
            grouping = try groupingClause()
            if grouping != nil { end = lastConsumedEnd }
        }
        aggregationDepth -= 1
        let range = SourceRange(token.range.start, end)
        guard !arguments.isEmpty else {
            throw failure("no arguments for aggregate expression provided", range)
        }
        let wanted = aggregator.hasParameter ? 2 : 1
        guard arguments.count == wanted else {
            throw failure(
                "wrong number of arguments for aggregate expression provided, "
                    + "expected \(wanted), got \(arguments.count)", range)
        }
        return .aggregation(
            Aggregation(
                operator: aggregator, parameter: aggregator.hasParameter ? arguments[0] : nil,
                operand: arguments[wanted - 1], grouping: grouping ?? .by([]), range: range))
    }

    private mutating func groupingClause() throws(QueryError) -> Aggregation.Grouping? {
        switch current.kind {
        case .keyword(.by):
            try advance()
            return .by(try labelNames())
        case .keyword(.without):
            try advance()
            return .without(try labelNames())
        default: return nil
        }
    }

    /// Label names between parentheses; a comma may trail.
    private mutating func labelNames() throws(QueryError) -> [String] {
        guard current.kind == .leftParenthesis else {
            throw unexpected(in: "grouping opts", expected: "\"(\"")
        }
        try advance()
        var names: [String] = []
        while current.kind != .rightParenthesis {
            names.append(try labelName())
            guard current.kind == .comma else { break }
            try advance()
        }
        guard current.kind == .rightParenthesis else {
            throw unexpected(in: "grouping opts", expected: "\",\" or \")\"")
        }
        try advance()
        return names
    }

    private mutating func labelName() throws(QueryError) -> String {
        let token = current
        let name: String
        if token.kind == .string {
            name = try Lexer.unquote(token.text)
        } else if token.isLabelName {
            name = token.text
        } else {
            throw unexpected(in: "grouping opts", expected: "label")
        }
        guard !name.isEmpty else {
            throw failure("invalid label name for grouping: \"\"", token.range)
        }
        try advance()
        return name
    }

    // MARK: Modifiers of binary operators

    /// `bool`, `on`, `ignoring`, `group_left`, `group_right` after an operator.
    mutating func modifiers(of operation: inout BinaryOperation) throws(QueryError) {
        if current.kind == .keyword(.bool) {
            operation.returnsBool = true
            try advance()
        }
        switch current.kind {
        case .keyword(.on):
            try advance()
            operation.matching.labels = .on(try labelNames())
        case .keyword(.ignoring):
            try advance()
            operation.matching.labels = .ignoring(try labelNames())
        default: break
        }
        if operation.matching.labels != nil { try cardinality(of: &operation.matching) }
        try fillValues(of: &operation.matching)
    }

    /// `fill (v)`, or `fill_left (v)` and `fill_right (v)` in any order.
    private mutating func fillValues(of matching: inout VectorMatching) throws(QueryError) {
        if current.kind == .keyword(.fill) {
            try advance()
            let value = try fillValue()
            matching.fillLeft = value
            matching.fillRight = value
            return
        }
        while true {
            if current.kind == .keyword(.fillLeft), matching.fillLeft == nil {
                try advance()
                matching.fillLeft = try fillValue()
            } else if current.kind == .keyword(.fillRight), matching.fillRight == nil {
                try advance()
                matching.fillRight = try fillValue()
            } else {
                return
            }
        }
    }

    /// A number with or without sign between parentheses.
    private mutating func fillValue() throws(QueryError) -> Double {
        guard current.kind == .leftParenthesis else { throw unexpected() }
        try advance()
        var sign = 1.0
        if case .binaryOperator(let token) = current.kind, token == .add || token == .subtract {
            sign = token == .subtract ? -1 : 1
            try advance()
        }
        guard current.kind == .number || current.kind == .duration else { throw unexpected() }
        let value = try numberLiteral().value
        guard current.kind == .rightParenthesis else { throw unexpected() }
        try advance()
        return sign * value
    }

    private mutating func cardinality(of matching: inout VectorMatching) throws(QueryError) {
        let isLeft = current.kind == .keyword(.groupLeft)
        guard isLeft || current.kind == .keyword(.groupRight) else { return }
        try advance()
        let include = current.kind == .leftParenthesis ? try labelNames() : []
        matching.cardinality =
            isLeft ? .manyToOne(include: include) : .oneToMany(include: include)
    }
}
