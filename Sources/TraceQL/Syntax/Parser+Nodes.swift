import QueryCore

/// A piece of a query outside braces: what it is decides which operators it may stand beside.
struct Node {
    enum Kind {
        case spanset(SpansetExpression)
        case filter(ScalarFilter)
        /// Holds an aggregate.
        case scalar(ScalarExpression)
        case number(Literal)
        case metrics(MetricsQuery)
    }

    var kind: Kind
    var range: SourceRange
    /// Whether it stands in parentheses of its own.
    var isWrapped = false
}

extension Parser {
    /// Stages separated by `|`, or one expression.
    mutating func nodes() throws(QueryError) -> Node {
        let start = current.range
        if isStageName {
            // Only of what was found can one set be made.
            guard current.text != "coalesce" else { throw unexpected() }
            var stages = [try namedStage()]
            return try pipeline(&stages, start)
        }
        let first = try expression()
        if case .metrics(let query) = first.kind {
            let staged = try secondStages(of: query)
            return Node(kind: .metrics(staged), range: range(from: start))
        }
        guard current.kind == .symbol(.pipe) else { return first }
        switch first.kind {
        case .spanset(let expression) where !expression.holdsPipeline:
            var stages = [Stage.spansets(expression)]
            return try pipeline(&stages, start)
        case .filter(let filter) where !filter.left.holdsPipeline && !filter.right.holdsPipeline:
            var stages = [Stage.filter(filter)]
            return try pipeline(&stages, start)
        default: throw unexpected()
        }
    }

    /// What follows the first stage.
    private mutating func pipeline(
        _ stages: inout [Stage], _ start: SourceRange
    ) throws(QueryError) -> Node {
        while accept(.pipe) {
            if let function = try metricsFunction() {
                let query = try secondStages(of: .pipeline(stages, function))
                return Node(kind: .metrics(query), range: range(from: start))
            }
            if isStageName {
                stages.append(try namedStage())
                continue
            }
            let token = current
            let node = try expression()
            switch node.kind {
            case .spanset(let expression) where !expression.holdsPipeline:
                stages.append(.spansets(expression))
            case .filter(let filter)
            where !filter.left.holdsPipeline && !filter.right.holdsPipeline:
                stages.append(.filter(filter))
            case .scalar(.aggregate(let aggregate)) where !node.isWrapped:
                stages.append(.aggregate(aggregate))
                return Node(
                    kind: .scalar(.pipeline(stages, range(from: start))),
                    range: range(from: start))
            default: throw unexpected(token)
            }
        }
        return Node(
            kind: .spanset(.pipeline(stages, range(from: start))), range: range(from: start))
    }

    /// Whether `by`, `coalesce` or `select` stands here.
    private var isStageName: Bool {
        current.kind == .identifier && ["by", "coalesce", "select"].contains(current.text)
    }

    private mutating func namedStage() throws(QueryError) -> Stage {
        let start = current.range
        let name = current.text
        advance()
        try expect(.leftParenthesis)
        switch name {
        case "by":
            let expression = try fieldExpression()
            try expect(.rightParenthesis)
            return .group(expression, range(from: start))
        case "coalesce":
            try expect(.rightParenthesis)
            return .coalesce(range(from: start))
        default:
            let fields = try fieldList()
            try expect(.rightParenthesis)
            return .select(fields, range(from: start))
        }
    }

    /// Operands with the operators between them that bind at least as tightly as `strength`.
    mutating func expression(strength: Int = 1) throws(QueryError) -> Node {
        var left = try nested { parser throws(QueryError) in try parser.operand() }
        // A chain of operators is a tree as deep as it is long.
        var length = 0
        while case .symbol(let symbol) = current.kind, let found = Self.strength(of: symbol),
            found >= strength
        {
            let token = current
            // What follows a metrics query compares its results.
            if case .metrics = left.kind, found == 2 { return left }
            advance()
            length += 1
            guard length <= Self.chainMax else { throw chainTooLong() }
            let right = try nested { parser throws(QueryError) in
                try parser.expression(strength: symbol == .power ? found : found + 1)
            }
            left = try combined(left, token, symbol, right)
        }
        return left
    }

    private static func strength(of symbol: Token.Symbol) -> Int? {
        if let operation = BinaryOperator(rawValue: symbol.rawValue) {
            return operation == .matches ? nil : operation.strength
        }
        return SpansetOperator(rawValue: symbol.rawValue)?.strength
    }

    private mutating func operand() throws(QueryError) -> Node {
        let start = current.range
        switch current.kind {
        case .symbol(.leftBrace):
            let filter = try spansetFilter()
            return Node(kind: .spanset(filter), range: range(from: start))
        case .symbol(.leftParenthesis): return try parenthesised()
        case .symbol(.subtract):
            advance()
            let inner = try nested { parser throws(QueryError) in try parser.operand() }
            guard case .number(let literal) = inner.kind, let negated = literal.negated else {
                throw failure("syntax error: unexpected -", start)
            }
            return Node(kind: .number(negated), range: range(from: start))
        case .integer, .float, .duration:
            let number = try literal()
            return Node(kind: .number(number), range: range(from: start))
        case .identifier:
            guard let function = Aggregate.Function(rawValue: current.text) else {
                throw unexpected()
            }
            advance()
            let aggregate = try aggregate(function, start)
            return Node(kind: .scalar(.aggregate(aggregate)), range: aggregate.range)
        default: throw unexpected()
        }
    }

    private mutating func parenthesised() throws(QueryError) -> Node {
        let start = current.range
        advance()
        var node = try nodes()
        if case .metrics(.staged(let inner, _)) = node.kind, !inner.isPipeline {
            throw unexpected()
        }
        try expect(.rightParenthesis)
        node.range = range(from: start)
        node.isWrapped = true
        if case .filter(let filter) = node.kind {
            let stages = [Stage.filter(filter)]
            node.kind = .spanset(.pipeline(stages, filter.range))
        }
        return node
    }

    mutating func spansetFilter() throws(QueryError) -> SpansetExpression {
        let start = current.range
        try expect(.leftBrace)
        if accept(.rightBrace) {
            return .filter(.always(range(from: start)), range(from: start))
        }
        let condition = try fieldExpression()
        try expect(.rightBrace)
        return .filter(condition, range(from: start))
    }

    private mutating func aggregate(
        _ function: Aggregate.Function, _ start: SourceRange
    ) throws(QueryError) -> Aggregate {
        try expect(.leftParenthesis)
        let operand = function == .count ? nil : try fieldExpression()
        try expect(.rightParenthesis)
        return Aggregate(function: function, operand: operand, range: range(from: start))
    }
}

extension MetricsQuery {
    fileprivate var isPipeline: Bool {
        if case .pipeline = self { return true }
        return false
    }
}
