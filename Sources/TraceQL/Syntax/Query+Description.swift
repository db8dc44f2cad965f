/// Every query prints as text that parses to the same query.
extension TraceQLQuery: CustomStringConvertible {
    package var description: String {
        let text =
            switch body {
            case .spansets(let expression): expression.description
            case .metrics(let query): query.description
            }
        guard !hints.isEmpty else { return text }
        let list = hints.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
        return "\(text) with (\(list))"
    }
}

extension FieldExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .literal(let literal, _): literal.description
        case .field(let field, _): field.description
        case .unary(.negate, let operand, _): "-" + operand.operandText
        case .unary(.not, let operand, _): "!" + operand.operandText
        case .unary(.exists, let operand, _): operand.operandText + " != nil"
        case .unary(.isMissing, let operand, _): operand.operandText + " = nil"
        case .binary(let operation, let left, let right, _):
            "\(left.operandText) \(operation.rawValue) \(right.operandText)"
        }
    }

    private var operandText: String {
        switch self {
        case .literal(let literal, _):
            literal.description.hasPrefix("-") ? "(\(literal))" : literal.description
        case .field: description
        case .unary, .binary: "(\(description))"
        }
    }
}

extension SpansetExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .filter(let condition, _): condition.isTrue ? "{ }" : "{ \(condition) }"
        case .operation(let operation, let left, let right, _):
            "\(left.operandText(besides: right)) \(operation.rawValue) "
                + right.operandText(besides: left)
        case .pipeline(let stages, _): stages.text
        case .comparison(let filter): filter.description
        }
    }

    private func operandText(besides other: SpansetExpression) -> String {
        if case .filter = self, !other.holdsPipeline { return description }
        return "(\(description))"
    }

    /// Whether pipelines stand in it, which only stand beside what is in parentheses.
    var holdsPipeline: Bool {
        switch self {
        case .filter: false
        case .operation(_, let left, let right, _): left.holdsPipeline || right.holdsPipeline
        case .pipeline, .comparison: true
        }
    }
}

extension [Stage] {
    var text: String { map(\.description).joined(separator: " | ") }
}

extension Stage: CustomStringConvertible {
    package var description: String {
        switch self {
        case .spansets(let expression): expression.description
        case .filter(let filter): filter.description
        case .group(let expression, _): "by(\(expression))"
        case .coalesce: "coalesce()"
        case .select(let fields, _):
            "select(\(fields.map(\.description).joined(separator: ", ")))"
        case .aggregate(let aggregate): aggregate.description
        }
    }
}

extension ScalarFilter: CustomStringConvertible {
    package var description: String { "\(left) \(comparison.rawValue) \(right)" }
}

extension ScalarExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .literal(let literal, _): literal.description
        case .aggregate(let aggregate): aggregate.description
        case .operation(let operation, let left, let right, _):
            "\(left.operandText) \(operation.rawValue) \(right.operandText)"
        case .pipeline(let stages, _): "(\(stages.text))"
        }
    }

    private var operandText: String {
        switch self {
        case .literal(let literal, _):
            literal.description.hasPrefix("-") ? "(\(literal))" : literal.description
        case .aggregate, .pipeline: description
        case .operation: "(\(description))"
        }
    }
}

extension Aggregate: CustomStringConvertible {
    package var description: String {
        "\(function.rawValue)(\(operand.map(\.description) ?? ""))"
    }
}

extension MetricsQuery: CustomStringConvertible {
    package var description: String {
        switch self {
        case .pipeline(let stages, let function): "\(stages.text) | \(function)"
        case .math(let operation, let left, let right, _):
            "(\(left)) \(operation.rawValue) (\(right))"
        case .scaled(let operation, let query, let number, _):
            "(\(query)) \(operation.rawValue) (\(number))"
        case .offset(let operation, let number, let query, _):
            "(\(number)) \(operation.rawValue) (\(query))"
        case .staged(let query, let stages):
            stages.reduce(query.description) { $0 + $1.description }
        }
    }
}

extension SecondStage: CustomStringConvertible {
    package var description: String {
        switch self {
        case .topK(let count, _): " | topk(\(count))"
        case .bottomK(let count, _): " | bottomk(\(count))"
        case .filter(let comparison, let number, _): " \(comparison.rawValue) \(number)"
        }
    }
}

extension MetricsFunction: CustomStringConvertible {
    package var description: String {
        var arguments = field.map { [$0.description] } ?? []
        switch function {
        case .quantileOverTime(_, let quantiles): arguments += quantiles.map { "\($0)" }
        case .compare(let comparison): arguments = comparison.arguments
        default: break
        }
        let call = "\(name)(\(arguments.joined(separator: ", ")))"
        guard !grouping.isEmpty else { return call }
        return call + " by(\(grouping.map(\.description).joined(separator: ", ")))"
    }
}

extension MetricsFunction.Comparison {
    fileprivate var arguments: [String] {
        let filter = SpansetExpression.filter(filter, filterRange).description
        let window = start == 0 && end == 0 ? [] : ["\(start)", "\(end)"]
        return [filter, "\(valuesMax)"] + window
    }
}
