import QueryCore

/// A query that yields numbers: of lines in windows, perhaps grouped, and what is computed of them.
package indirect enum MetricQuery: Hashable, Sendable {
    case window(WindowQuery)
    case aggregation(VectorAggregation)
    /// `vector(1)`: one series without labels. Grafana asks for `vector(1)+vector(1)` to see whether a
    /// server is there.
    case vector(Double, SourceRange)
    case number(Double, SourceRange)
    case binary(BinaryOperation)
    case labelReplace(LabelReplacement)

    package var range: SourceRange {
        switch self {
        case .window(let node): node.range
        case .aggregation(let node): node.range
        case .vector(_, let range), .number(_, let range): range
        case .binary(let node): node.range
        case .labelReplace(let node): node.range
        }
    }

    /// Whether there are only numbers in it.
    var isScalar: Bool {
        switch self {
        case .number: true
        case .binary(let node): node.left.isScalar && node.right.isScalar
        case .window, .aggregation, .vector, .labelReplace: false
        }
    }
}

/// `left operator right`, for series that match by their labels, or for each series and a number.
package struct BinaryOperation: Hashable, Sendable {
    package var `operator`: BinaryOperator
    /// A comparison yields 0 or 1 instead of keeping or dropping values.
    package var returnsBool: Bool
    /// `nil`: all labels must be equal, each side has a series once.
    package var matching: VectorMatching?
    package var left: MetricQuery
    package var right: MetricQuery
    package var range: SourceRange

    package init(
        operator: BinaryOperator, returnsBool: Bool = false, matching: VectorMatching? = nil,
        left: MetricQuery, right: MetricQuery, range: SourceRange
    ) {
        self.operator = `operator`
        self.returnsBool = returnsBool
        self.matching = matching
        self.left = left
        self.right = right
        self.range = range
    }
}

/// Operators between metric queries.
package enum BinaryOperator: String, Sendable, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case power = "^"
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case and
    case or
    case unless

    /// Those of higher levels bind more tightly.
    var level: Int {
        switch self {
        case .or: 1
        case .and, .unless: 2
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: 3
        case .add, .subtract: 4
        case .multiply, .divide, .modulo: 5
        case .power: 6
        }
    }

    var isComparison: Bool { level == 3 }
    var isSetOperator: Bool { level < 3 }
}

/// `on (a, b) group_left (c)`.
package struct VectorMatching: Hashable, Sendable {
    package enum Cardinality: Hashable, Sendable {
        case oneToOne
        /// `group_left`: many on the left, labels to take from the right.
        case manyToOne([String])
        /// `group_right`: many on the right, labels to take from the left.
        case oneToMany([String])
    }

    /// Whether `names` are the labels that count, or those that do not.
    package var isOn: Bool
    package var names: [String]
    package var cardinality: Cardinality

    package init(isOn: Bool, names: [String], cardinality: Cardinality = .oneToOne) {
        self.isOn = isOn
        self.names = names
        self.cardinality = cardinality
    }
}

/// `label_replace(operand, target, replacement, source, pattern)`.
package struct LabelReplacement: Hashable, Sendable {
    package var operand: MetricQuery
    package var target: String
    package var replacement: String
    package var source: String
    package var pattern: String
    package var range: SourceRange

    package init(
        operand: MetricQuery, target: String, replacement: String, source: String,
        pattern: String, range: SourceRange
    ) {
        self.operand = operand
        self.target = target
        self.replacement = replacement
        self.source = source
        self.pattern = pattern
        self.range = range
    }
}

/// `function(parameter, query | unwrap label [interval] offset shift) by (labels)`.
package struct WindowQuery: Hashable, Sendable {
    package var function: WindowFunction
    /// φ of `quantile_over_time`, `nil` for others.
    package var parameter: Double?
    package var query: LogQuery
    package var unwrap: Unwrap?
    /// Nanoseconds, positive.
    package var interval: Int64
    /// Nanoseconds into the past.
    package var offset: Int64
    package var grouping: Grouping?
    package var range: SourceRange

    package init(
        function: WindowFunction, parameter: Double? = nil, query: LogQuery,
        unwrap: Unwrap? = nil, interval: Int64, offset: Int64 = 0, grouping: Grouping? = nil,
        range: SourceRange
    ) {
        self.function = function
        self.parameter = parameter
        self.query = query
        self.unwrap = unwrap
        self.interval = interval
        self.offset = offset
        self.grouping = grouping
        self.range = range
    }
}

/// What is computed of the lines of a window, or of the values unwrapped from them.
package enum WindowFunction: String, Sendable, CaseIterable {
    case rate
    case rateCounter = "rate_counter"
    case countOverTime = "count_over_time"
    case bytesRate = "bytes_rate"
    case bytesOverTime = "bytes_over_time"
    case sumOverTime = "sum_over_time"
    case avgOverTime = "avg_over_time"
    case minOverTime = "min_over_time"
    case maxOverTime = "max_over_time"
    case stddevOverTime = "stddev_over_time"
    case stdvarOverTime = "stdvar_over_time"
    case quantileOverTime = "quantile_over_time"
    case firstOverTime = "first_over_time"
    case lastOverTime = "last_over_time"
    case absentOverTime = "absent_over_time"

    var isPerSecond: Bool { self == .rate || self == .bytesRate }
    var countsBytes: Bool { self == .bytesRate || self == .bytesOverTime }

    /// Whether it is computed of lines alone.
    var takesLines: Bool {
        switch self {
        case .rate, .countOverTime, .bytesRate, .bytesOverTime, .absentOverTime: true
        default: false
        }
    }

    /// Whether it is computed of unwrapped values.
    var takesValues: Bool {
        switch self {
        case .countOverTime, .bytesRate, .bytesOverTime: false
        default: true
        }
    }

    /// Whether `by` and `without` may follow, as in Loki.
    var takesGrouping: Bool {
        switch self {
        case .avgOverTime, .minOverTime, .maxOverTime, .stddevOverTime, .stdvarOverTime,
            .quantileOverTime, .firstOverTime, .lastOverTime:
            true
        default: false
        }
    }
}

/// `| unwrap duration(label) | filter…`.
package struct Unwrap: Hashable, Sendable {
    package enum Conversion: String, Sendable, CaseIterable {
        case number = ""
        /// To seconds.
        case duration
        case durationSeconds = "duration_seconds"
        case bytes
    }

    package var label: String
    package var conversion: Conversion
    /// Conditions behind it, often `__error__=""`.
    package var filters: [LabelFilter]

    package init(_ label: String, _ conversion: Conversion = .number, filters: [LabelFilter] = []) {
        self.label = label
        self.conversion = conversion
        self.filters = filters
    }
}

/// `by (labels)` or `without (labels)`.
package enum Grouping: Hashable, Sendable {
    /// No labels: everything into one.
    case by([String])
    case without([String])
}

/// `operator by (labels) (parameter, operand)`.
package struct VectorAggregation: Hashable, Sendable {
    package enum Operator: String, Sendable, CaseIterable {
        case sum, avg, min, max, count, stddev, stdvar, topk, bottomk, sort
        case approxTopk = "approx_topk"
        case sortDescending = "sort_desc"

        /// Whether the number of series to keep stands before the operand.
        var takesCount: Bool { self == .topk || self == .bottomk || self == .approxTopk }
        var isSort: Bool { self == .sort || self == .sortDescending }
    }

    package var `operator`: Operator
    /// Of `topk` and its like.
    package var count: Int?
    package var grouping: Grouping
    package var operand: MetricQuery
    package var range: SourceRange

    package init(
        operator: Operator, count: Int? = nil, grouping: Grouping, operand: MetricQuery,
        range: SourceRange
    ) {
        self.operator = `operator`
        self.count = count
        self.grouping = grouping
        self.operand = operand
        self.range = range
    }
}
