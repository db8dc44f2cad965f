import QueryCore
import RegularExpressions

/// Refuses what the grammar lets through and Tempo does not: types that do not fit, patterns that are
/// none, aggregates of nothing. Every refusal has a position and a reason.
struct Validator {
    let source: String

    /// Series of one query are told apart by at most this many values; Tempo's bound.
    static let groupingMax = 5

    static func check(_ query: TraceQLQuery, _ source: String) throws(QueryError) {
        let validator = Validator(source: source)
        switch query.body {
        case .spansets(let expression): try validator.check(expression)
        case .metrics(let metrics): try validator.check(metrics)
        }
    }

    func check(_ expression: SpansetExpression) throws(QueryError) {
        switch expression {
        case .filter(let condition, let range):
            try check(condition)
            guard condition.type == .attribute || condition.type == .bool else {
                throw failure(
                    "span filter field expressions must resolve to a boolean: \(expression)", range)
            }
        case .operation(_, let left, let right, _):
            try check(left)
            try check(right)
        case .pipeline(let stages, _): for stage in stages { try check(stage) }
        case .comparison(let filter): try check(filter)
        }
    }

    func check(_ stage: Stage) throws(QueryError) {
        switch stage {
        case .spansets(let expression): try check(expression)
        case .filter(let filter): try check(filter)
        case .group(let expression, let range):
            guard !expression.fields.isEmpty else {
                throw failure(
                    "grouping field expressions must reference the span: \(stage)", range)
            }
            try check(expression)
        case .select(let fields, let range): for field in fields { try check(field, range) }
        case .aggregate(let aggregate): try check(aggregate)
        case .coalesce: break
        }
    }

    func check(_ filter: ScalarFilter) throws(QueryError) {
        try check(filter.left)
        try check(filter.right)
        try check(
            filter.comparison, filter.left.type, filter.right.type, filter.description,
            filter.range)
    }

    private func check(_ expression: ScalarExpression) throws(QueryError) {
        switch expression {
        case .literal: break
        case .aggregate(let aggregate): try check(aggregate)
        case .operation(let operation, let left, let right, let range):
            try check(left)
            try check(right)
            try check(operation, left.type, right.type, expression.description, range)
        case .pipeline(let stages, _): for stage in stages { try check(stage) }
        }
    }

    private func check(_ aggregate: Aggregate) throws(QueryError) {
        guard let operand = aggregate.operand else { return }
        try check(operand)
        guard operand.type == .attribute || operand.type.isNumeric else {
            throw failure(
                "aggregate field expressions must resolve to a number type: \(aggregate)",
                aggregate.range)
        }
        guard !operand.fields.isEmpty else {
            throw failure(
                "aggregate field expressions must reference the span: \(aggregate)",
                aggregate.range)
        }
    }

    private func check(_ expression: FieldExpression) throws(QueryError) {
        switch expression {
        case .literal: break
        case .field(let field, let range): try check(field, range)
        case .unary(.exists, .field(Field(.parent), _), _),
            .unary(.isMissing, .field(Field(.parent), _), _):
            break
        case .unary(let operation, let operand, let range):
            try check(operand)
            try check(operation, operand, expression, range)
        case .binary(let operation, let left, let right, let range):
            try check(left)
            try check(right)
            try check(operation, left.type, right.type, expression.description, range)
            if operation.isPattern { try checkPattern(operation, right) }
        }
    }

    private func check(
        _ operation: UnaryOperator, _ operand: FieldExpression, _ whole: FieldExpression,
        _ range: SourceRange
    ) throws(QueryError) {
        let isLegal: Bool
        switch operation {
        case .negate: isLegal = operand.type == .attribute || operand.type.isNumeric
        case .not: isLegal = operand.type == .attribute || operand.type == .bool
        case .exists: isLegal = true
        case .isMissing:
            isLegal = true
            if case .field(let field, _) = operand {
                if case .intrinsic = field.kind {
                    throw failure(
                        "\(field)=nil is not valid because intrinsics cannot be nil", range)
                }
                if field == .serviceName {
                    throw failure(
                        "\(field)=nil is not valid because \(field) cannot be nil", range)
                }
            }
        }
        guard isLegal else {
            throw failure("illegal operation for the given type: \(whole)", range)
        }
    }

    private func check(
        _ operation: BinaryOperator, _ left: ValueType, _ right: ValueType,
        _ text: @autoclosure () -> String,
        _ range: SourceRange
    ) throws(QueryError) {
        guard left.matches(right) else {
            throw failure("binary operations must operate on the same type: \(text())", range)
        }
        guard operation.accepts(left), operation.accepts(right) else {
            throw failure("illegal operation for the given types: \(text())", range)
        }
    }

    private func checkPattern(
        _ operation: BinaryOperator, _ right: FieldExpression
    ) throws(QueryError) {
        guard case .literal(.string(let pattern), let range) = right else {
            throw failure("invalid type for =~ or !~: \(right)", right.range)
        }
        do throws(PatternError) { _ = try Pattern(pattern) } catch {
            throw failure("invalid regex: \(right): \(error.reason)", range)
        }
    }

    private func check(_ field: Field, _ range: SourceRange) throws(QueryError) {
        guard field.kind != .intrinsic(.parent) else {
            throw failure(
                "parent is a span: compare it with nil, or read an attribute of it (parent.NAME)",
                range)
        }
    }

    func failure(_ reason: String, _ range: SourceRange) -> QueryError {
        .traceQL(reason, at: range, in: source)
    }
}
