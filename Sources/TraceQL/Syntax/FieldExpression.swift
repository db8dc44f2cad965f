import QueryCore

/// What is computed of one span: inside `{ }`, of aggregates and of `by`.
package indirect enum FieldExpression: Hashable, Sendable {
    case literal(Literal, SourceRange)
    case field(Field, SourceRange)
    case unary(UnaryOperator, FieldExpression, SourceRange)
    case binary(BinaryOperator, FieldExpression, FieldExpression, SourceRange)

    package var range: SourceRange {
        switch self {
        case .literal(_, let range), .field(_, let range), .unary(_, _, let range),
            .binary(_, _, _, let range):
            range
        }
    }

    var type: ValueType {
        switch self {
        case .literal(let literal, _): literal.type
        case .field(let field, _):
            switch field.kind {
            case .intrinsic(let intrinsic): intrinsic.type
            case .attribute: .attribute
            }
        case .unary(.negate, let operand, _): operand.type
        case .unary: .bool
        case .binary(let operation, let left, let right, _):
            operation.yieldsTruth
                ? .bool : left.type != .attribute ? left.type : right.type
        }
    }

    /// The fields that it reads, in order of appearance.
    var fields: [Field] {
        switch self {
        case .literal: []
        case .field(let field, _): [field]
        case .unary(_, let operand, _): operand.fields
        case .binary(_, let left, let right, _): left.fields + right.fields
        }
    }

    var isTrue: Bool {
        if case .literal(.bool(true), _) = self { return true }
        return false
    }

    /// Of `{ }`.
    static func always(_ range: SourceRange) -> FieldExpression { .literal(.bool(true), range) }
}

/// What stands before one operand, or compares it with `nil`.
package enum UnaryOperator: Hashable, Sendable {
    case negate, not
    /// `x != nil`
    case exists
    /// `x = nil`
    case isMissing
}

/// What stands between two operands, as the query writes it.
package enum BinaryOperator: String, Sendable, CaseIterable {
    case or = "||"
    case and = "&&"
    case equal = "="
    case notEqual = "!="
    case matches = "=~"
    case doesNotMatch = "!~"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case power = "^"

    /// How tightly it binds. As in Tempo's grammar `&&` and `||` bind alike, and so do all comparisons.
    var strength: Int {
        switch self {
        case .or, .and: 1
        case .equal, .notEqual, .matches, .doesNotMatch, .less, .lessOrEqual, .greater,
            .greaterOrEqual:
            2
        case .add, .subtract: 3
        case .multiply, .divide, .modulo: 5
        case .power: 6
        }
    }

    /// Of what `-` and `!` stand before.
    static let negationStrength = 3
    static let notStrength = 4

    var yieldsTruth: Bool { strength <= 2 }
    var isComparison: Bool { strength == 2 }
    var isPattern: Bool { self == .matches || self == .doesNotMatch }

    /// Whether an operand may have this type.
    func accepts(_ type: ValueType) -> Bool {
        switch type {
        case .attribute: true
        case .bool: self == .and || self == .or || self == .equal || self == .notEqual
        case .int, .double, .duration: !isPattern && self != .and && self != .or
        case .string: isComparison
        case .null, .status, .kind: self == .equal || self == .notEqual
        }
    }

    /// The comparison with its sides exchanged.
    var mirrored: BinaryOperator {
        switch self {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        default: self
        }
    }
}
