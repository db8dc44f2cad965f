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
    /// `| json`: every field of the line becomes a label; with extractions, those alone.
    case json([FieldExtraction], SourceRange)
    /// `| logfmt --strict a="b"`.
    case logfmt(LogfmtOptions, [FieldExtraction], SourceRange)
    /// `| regexp "(?P<name>…)"`: every named group becomes a label.
    case regexp(String, SourceRange)
    /// `| pattern "<ip> - <_>"`: every named capture becomes a label.
    case pattern(String, SourceRange)
    /// `| unpack`: fields of a packed line become labels, its `_entry` the line.
    case unpack(SourceRange)
    /// `| decolorize`: takes the colour sequences of terminals out of the line.
    case decolorize(SourceRange)
    case label(LabelFilter, SourceRange)
    /// `| line_format "{{.a}}"`: a template of Go's `text/template`.
    case lineFormat(String, SourceRange)
    case labelFormat([LabelFormat], SourceRange)
    /// `| drop a, b="c"`: removes labels.
    case drop([LabelSelection], SourceRange)
    /// `| keep a, b="c"`: removes all other labels.
    case keep([LabelSelection], SourceRange)
    /// `| distinct a, b`: the first line of each combination of values.
    case distinct([String], SourceRange)

    package var range: SourceRange {
        switch self {
        case .line(let filter): filter.range
        case .json(_, let range), .logfmt(_, _, let range), .regexp(_, let range),
            .pattern(_, let range), .unpack(let range), .decolorize(let range),
            .label(_, let range), .lineFormat(_, let range), .labelFormat(_, let range),
            .drop(_, let range), .keep(_, let range), .distinct(_, let range):
            range
        }
    }
}

/// `label="expression"` behind `json` and `logfmt`: which field becomes which label.
package struct FieldExtraction: Hashable, Sendable {
    package var label: String
    /// A path such as `a.b[0]["c"]` for `json`, a key for `logfmt`.
    package var expression: String

    package init(_ label: String, _ expression: String) {
        self.label = label
        self.expression = expression
    }
}

/// The flags of `logfmt`.
package struct LogfmtOptions: Hashable, Sendable {
    /// A malformed line fails instead of losing its malformed pairs.
    package var isStrict: Bool
    /// Accepted as Loki's; a label with an empty value is no label here, so that it changes nothing.
    package var keepsEmpty: Bool

    package init(isStrict: Bool = false, keepsEmpty: Bool = false) {
        self.isStrict = isStrict
        self.keepsEmpty = keepsEmpty
    }
}

/// One assignment of `label_format`.
package struct LabelFormat: Hashable, Sendable {
    package enum Source: Hashable, Sendable {
        /// Takes the value of that label, which disappears.
        case label(String)
        case template(String)
    }

    package var name: String
    package var source: Source

    package init(_ name: String, _ source: Source) {
        self.name = name
        self.source = source
    }
}

/// What `drop` and `keep` name.
package enum LabelSelection: Hashable, Sendable {
    case name(String)
    /// The label of that name if its value satisfies the matcher.
    case matching(LabelMatcher)

    package var name: String {
        switch self {
        case .name(let name): name
        case .matching(let matcher): matcher.name
        }
    }
}

/// `|= "a" or "b"`: with `|=`, `|~` and `|>` one term must be found, with `!=`, `!~` and `!>` none may.
package struct LineFilter: Hashable, Sendable {
    package enum Operator: String, Sendable, CaseIterable {
        case contains = "|="
        case containsNot = "!="
        /// RE2 syntax, found anywhere in the line; `.` does not match a line feed.
        case matches = "|~"
        case doesNotMatch = "!~"
        /// Literals with `<_>` between them, over the whole line.
        case fits = "|>"
        case fitsNot = "!>"

        var isNegated: Bool { self == .containsNot || self == .doesNotMatch || self == .fitsNot }
        var isExpression: Bool { self == .matches || self == .doesNotMatch }
        var isPattern: Bool { self == .fits || self == .fitsNot }
    }

    package enum Term: Hashable, Sendable {
        case text(String)
        /// `ip("10.0.0.0/8")`, behind `|=` and `!=`: an address anywhere in the line.
        case address(String)
    }

    package var `operator`: Operator
    /// At least one.
    package var terms: [Term]
    package var range: SourceRange

    package init(operator: Operator, terms: [Term], range: SourceRange) {
        self.operator = `operator`
        self.terms = terms
        self.range = range
    }

    /// Whether every line passes: Grafana's builder of queries leaves ``|= `` `` where nobody wrote a text.
    var acceptsAll: Bool {
        (`operator` == .contains || `operator` == .matches) && terms.contains(.text(""))
    }
}

/// A condition on labels: of the stream, of the record (`trace_id`, `span_id`) and those that parsers
/// found.
package indirect enum LabelFilter: Hashable, Sendable {
    /// On the text, as in a selector; a missing label is the empty text.
    case text(LabelMatcher)
    /// On a quantity; a missing label satisfies none.
    case quantity(QuantityFilter)
    /// `addr = ip("10.0.0.0/8")`.
    case address(AddressFilter)
    /// At least two.
    case all([LabelFilter])
    /// At least two.
    case any([LabelFilter])
}

/// `name = ip("…")` or `name != ip("…")`.
package struct AddressFilter: Hashable, Sendable {
    package var name: String
    package var isNegated: Bool
    /// An address, a range `a-b` or a prefix `a/n`.
    package var addresses: String

    package init(_ name: String, isNegated: Bool, _ addresses: String) {
        self.name = name
        self.isNegated = isNegated
        self.addresses = addresses
    }
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
