import Glibc
import QueryCore
import Store

/// A LogQL query as it was written. Every node knows where it stands; printing it (`description`) gives
/// text that parses to the same tree.
package enum LogQLExpression: Hashable, Sendable {
    /// Yields log lines.
    case log(LogQuery)
    /// Yields numbers.
    case metric(MetricQuery)

    package var range: SourceRange {
        switch self {
        case .log(let query): query.range
        case .metric(let query): query.range
        }
    }
}

/// `{matchers} stage…`.
package struct LogQuery: Hashable, Sendable {
    package var matchers: [LabelMatcher]
    package var stages: [PipelineStage]
    package var range: SourceRange

    package init(matchers: [LabelMatcher], stages: [PipelineStage] = [], range: SourceRange) {
        self.matchers = matchers
        self.stages = stages
        self.range = range
    }
}

/// One step that a line passes, in the order written.
package enum PipelineStage: Hashable, Sendable {
    case line(LineFilter)
    /// `| json`: every field of the line becomes a label.
    case json(SourceRange)
    case label(LabelFilter, SourceRange)
    /// `| drop a, b`: removes labels.
    case drop([String], SourceRange)

    package var range: SourceRange {
        switch self {
        case .line(let filter): filter.range
        case .json(let range), .label(_, let range), .drop(_, let range): range
        }
    }
}

/// `|= "a" or "b"`: with `|=` and `|~` one text must be found, with `!=` and `!~` none may.
package struct LineFilter: Hashable, Sendable {
    package enum Operator: String, Sendable, CaseIterable {
        case contains = "|="
        case containsNot = "!="
        /// RE2 syntax, found anywhere in the line; `.` does not match a line feed.
        case matches = "|~"
        case doesNotMatch = "!~"

        var isNegated: Bool { self == .containsNot || self == .doesNotMatch }
        var isPattern: Bool { self == .matches || self == .doesNotMatch }
    }

    package var `operator`: Operator
    /// At least one.
    package var texts: [String]
    package var range: SourceRange

    package init(operator: Operator, texts: [String], range: SourceRange) {
        self.operator = `operator`
        self.texts = texts
        self.range = range
    }
}

/// A condition on labels: of the stream, of the record (`trace_id`, `span_id`) and those that `| json`
/// found.
package indirect enum LabelFilter: Hashable, Sendable {
    /// On the text, as in a selector; a missing label is the empty text.
    case text(LabelMatcher)
    /// On a quantity; a missing label satisfies none.
    case quantity(QuantityFilter)
    /// At least two.
    case all([LabelFilter])
    /// At least two.
    case any([LabelFilter])
}

/// `name operator literal`: compares a label read as a number, duration or size.
package struct QuantityFilter: Hashable, Sendable {
    package enum Comparison: String, Sendable, CaseIterable {
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="

        /// Whether `a comparison b` holds.
        @inline(__always)
        func holds<Value: Comparable>(_ a: Value, _ b: Value) -> Bool {
            switch self {
            case .equal: a == b
            case .notEqual: a != b
            case .less: a < b
            case .lessOrEqual: a <= b
            case .greater: a > b
            case .greaterOrEqual: a >= b
            }
        }
    }

    package enum Literal: Hashable, Sendable {
        case number(Double)
        /// Nanoseconds.
        case duration(Int64)
        case bytes(UInt64)
    }

    package var name: String
    package var comparison: Comparison
    package var literal: Literal

    package init(_ name: String, _ comparison: Comparison, _ literal: Literal) {
        self.name = name
        self.comparison = comparison
        self.literal = literal
    }
}

/// A query that yields numbers: counts of lines in windows, perhaps grouped, and what is computed of them.
package indirect enum MetricQuery: Hashable, Sendable {
    case window(WindowQuery)
    case aggregation(VectorAggregation)
    /// `vector(1)`: one series without labels. Grafana asks for `vector(1)+vector(1)` to see whether a
    /// server is there.
    case vector(Double, SourceRange)
    /// A number by itself, which stands beside an operator only.
    case number(Double, SourceRange)
    case arithmetic(Arithmetic)

    package var range: SourceRange {
        switch self {
        case .window(let node): node.range
        case .aggregation(let node): node.range
        case .vector(_, let range), .number(_, let range): range
        case .arithmetic(let node): node.range
        }
    }

    /// Whether there are only numbers in it.
    var isScalar: Bool {
        switch self {
        case .number: true
        case .arithmetic(let node): node.left.isScalar && node.right.isScalar
        case .window, .aggregation, .vector: false
        }
    }
}

/// `left operator right`, for series with the same labels or for each series and a number.
package struct Arithmetic: Hashable, Sendable {
    package enum Operator: String, Sendable, CaseIterable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
        case power = "^"

        /// Those of higher levels bind more tightly.
        var level: Int {
            switch self {
            case .add, .subtract: 1
            case .multiply, .divide, .modulo: 2
            case .power: 3
            }
        }

        /// As Loki: a division by zero is no number rather than infinite.
        func apply(_ a: Double, _ b: Double) -> Double {
            switch self {
            case .add: a + b
            case .subtract: a - b
            case .multiply: a * b
            case .divide: b == 0 ? .nan : a / b
            case .modulo: b == 0 ? .nan : a.truncatingRemainder(dividingBy: b)
            case .power: pow(a, b)
            }
        }
    }

    package var `operator`: Operator
    package var left: MetricQuery
    package var right: MetricQuery
    package var range: SourceRange

    package init(
        operator: Operator, left: MetricQuery, right: MetricQuery, range: SourceRange
    ) {
        self.operator = `operator`
        self.left = left
        self.right = right
        self.range = range
    }
}

/// `function(query [interval] offset shift)`.
package struct WindowQuery: Hashable, Sendable {
    package enum Function: String, Sendable, CaseIterable {
        case rate
        case countOverTime = "count_over_time"
        case bytesRate = "bytes_rate"
        case bytesOverTime = "bytes_over_time"

        var isPerSecond: Bool { self == .rate || self == .bytesRate }
        var countsBytes: Bool { self == .bytesRate || self == .bytesOverTime }
    }

    package var function: Function
    package var query: LogQuery
    /// Nanoseconds, positive.
    package var interval: Int64
    /// Nanoseconds into the past.
    package var offset: Int64
    package var range: SourceRange

    package init(
        function: Function, query: LogQuery, interval: Int64, offset: Int64 = 0,
        range: SourceRange
    ) {
        self.function = function
        self.query = query
        self.interval = interval
        self.offset = offset
        self.range = range
    }
}

/// `operator by (labels) (operand)`.
package struct VectorAggregation: Hashable, Sendable {
    package enum Operator: String, Sendable, CaseIterable {
        case sum, avg, min, max, count
    }

    package enum Grouping: Hashable, Sendable {
        /// No labels: everything into one.
        case by([String])
        case without([String])
    }

    package var `operator`: Operator
    package var grouping: Grouping
    package var operand: MetricQuery
    package var range: SourceRange

    package init(
        operator: Operator, grouping: Grouping, operand: MetricQuery, range: SourceRange
    ) {
        self.operator = `operator`
        self.grouping = grouping
        self.operand = operand
        self.range = range
    }
}
