import Store
import Telemetry

/// Conditions of the store that hold wherever an expression holds.
enum SpanConditions {
    static func implied(by expression: FieldExpression) -> [SpanCondition] {
        switch expression {
        case .binary(.and, let left, let right, _): implied(by: left) + implied(by: right)
        case .binary(let operation, .field(let field, _), .literal(let literal, _), _):
            condition(field, operation, literal).map { [$0] } ?? []
        case .binary(let operation, .literal(let literal, _), .field(let field, _), _)
        where !operation.isPattern:
            condition(field, operation.mirrored, literal).map { [$0] } ?? []
        case .unary(.exists, .field(let field, _), _): existence(field).map { [$0] } ?? []
        default: []
        }
    }

    private static func condition(
        _ field: Field, _ operation: BinaryOperator, _ literal: Literal
    ) -> SpanCondition? {
        guard !field.isOfParent, operation.isComparison else { return nil }
        switch field.kind {
        case .intrinsic(let intrinsic): return condition(intrinsic, operation, literal)
        case .attribute(let scope, let name):
            guard operation == .equal, let test = test(literal) else { return existence(field) }
            if field == .serviceName, case .string(let service) = literal, !service.isEmpty {
                return .service(service)
            }
            return .attribute(scope.inStore, key: name, test)
        }
    }

    /// A comparison holds of no missing value.
    private static func existence(_ field: Field) -> SpanCondition? {
        guard !field.isOfParent, case .attribute(let scope, let name) = field.kind else {
            return nil
        }
        return .attribute(scope.inStore, key: name, .exists)
    }

    private static func test(_ literal: Literal) -> AttributeTest? {
        switch literal {
        // It may stand in an array. Other values of the same text are left out later.
        case .string(let text): .textOfAny(text)
        case .bool(let flag): .textOfAny(AttributeValue.bool(flag).text)
        // The integer and the floating-point number of one value have the same text.
        case .int(let value), .duration(let value):
            value.magnitude < 1 << 53 ? .textOfAny(AttributeValue.int(value).text) : nil
        case .double(let value):
            value.magnitude < 0x1p53 ? .textOfAny(AttributeValue.double(value).text) : nil
        case .status, .kind: nil
        }
    }

    private static func condition(
        _ intrinsic: Intrinsic, _ operation: BinaryOperator, _ literal: Literal
    ) -> SpanCondition? {
        switch (intrinsic, operation, literal) {
        case (.name, .equal, .string(let name)): return .name(name)
        case (.kind, .equal, .kind(let kind)): return .kind(kind)
        case (.status, .equal, .status(let status)): return .status(status)
        case (.duration, _, _): return duration(operation, literal)
        default: return nil
        }
    }

    private static func duration(
        _ operation: BinaryOperator, _ literal: Literal
    ) -> SpanCondition? {
        let bound: Int64
        switch literal {
        case .int(let value), .duration(let value): bound = value
        case .double(let value):
            guard value.magnitude < 0x1p62 else { return nil }
            // Wide enough by one; the comparison itself is made later.
            bound = Int64(value) + (operation == .less || operation == .lessOrEqual ? 1 : -1)
        default: return nil
        }
        switch operation {
        case .greater, .greaterOrEqual, .equal: return .durationAtLeast(bound)
        case .less, .lessOrEqual: return .durationAtMost(bound)
        default: return nil
        }
    }
}

extension Field.Scope {
    /// The store's name for it.
    package var inStore: AttributeScope {
        switch self {
        case .any: .any
        case .span: .span
        case .resource: .resource
        case .event: .event
        case .link: .link
        case .instrumentation: .scope
        }
    }
}
