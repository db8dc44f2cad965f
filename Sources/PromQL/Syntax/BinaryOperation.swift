import QueryCore

/// `left operator [bool] [on|ignoring (…) [group_left|group_right (…)]] right`.
package struct BinaryOperation: Hashable, Sendable {
    package var `operator`: BinaryOperator
    package var left: Expression
    package var right: Expression
    /// With `bool`: 0 or 1 instead of filtering.
    package var returnsBool = false
    package var matching = VectorMatching()
    /// The operator with its modifiers.
    package var operatorRange: SourceRange

    package init(
        operator: BinaryOperator, left: Expression, right: Expression, returnsBool: Bool = false,
        matching: VectorMatching = VectorMatching(), operatorRange: SourceRange
    ) {
        self.operator = `operator`
        self.left = left
        self.right = right
        self.returnsBool = returnsBool
        self.matching = matching
        self.operatorRange = operatorRange
    }
}

/// Which series of both sides belong together.
package struct VectorMatching: Hashable, Sendable {
    package enum Labels: Hashable, Sendable {
        case on([String])
        case ignoring([String])
    }

    package enum Cardinality: Hashable, Sendable {
        case oneToOne
        /// `group_left`: many on the left; the labels to copy from the right.
        case manyToOne(include: [String])
        /// `group_right`: many on the right; the labels to copy from the left.
        case oneToMany(include: [String])
    }

    /// `nil` when neither `on` nor `ignoring` was written.
    package var labels: Labels?
    package var cardinality: Cardinality = .oneToOne
    /// `fill_left`: what stands for a missing element of the left side, or, with `group_right`, of the
    /// many on the right; `fill` sets both.
    package var fillLeft: Double?
    /// `fill_right`: the other side's.
    package var fillRight: Double?

    package init(labels: Labels? = nil, cardinality: Cardinality = .oneToOne) {
        self.labels = labels
        self.cardinality = cardinality
    }

    package var isFilled: Bool { fillLeft != nil || fillRight != nil }

    package var include: [String] {
        switch cardinality {
        case .oneToOne: []
        case .manyToOne(let include), .oneToMany(let include): include
        }
    }
}

/// An operator between two operands; raw values are as written.
package enum BinaryOperator: String, Sendable, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case power = "^"
    case atan2
    case equal = "=="
    case notEqual = "!="
    case greater = ">"
    case less = "<"
    case greaterOrEqual = ">="
    case lessOrEqual = "<="
    case and
    case or
    case unless
    /// Keep a native histogram's buckets below a bound.
    case trimUpper = "</"
    /// Keep a native histogram's buckets above a bound.
    case trimLower = ">/"

    /// Higher binds tighter. `power` is right associative, all others are left associative.
    package var precedence: Int {
        switch self {
        case .or: 1
        case .and, .unless: 2
        case .equal, .notEqual, .greater, .less, .greaterOrEqual, .lessOrEqual, .trimUpper,
            .trimLower:
            3
        case .add, .subtract: 4
        case .multiply, .divide, .modulo, .atan2: 5
        case .power: 6
        }
    }

    /// The precedence of a sign before an expression: as of multiplication, so `-a ^ b` is `-(a ^ b)`.
    package static let signPrecedence = 5

    package var isComparison: Bool {
        switch self {
        case .equal, .notEqual, .greater, .less, .greaterOrEqual, .lessOrEqual: true
        default: false
        }
    }

    /// Cuts histograms off at a number.
    package var isTrimming: Bool { self == .trimUpper || self == .trimLower }

    package var isSetOperator: Bool {
        switch self {
        case .and, .or, .unless: true
        default: false
        }
    }

    /// Whether the result is another quantity than the operands, so that the metric name goes.
    package var changesMeaning: Bool {
        switch self {
        case .add, .subtract, .multiply, .divide, .modulo, .power, .atan2: true
        default: false
        }
    }
}
