import QueryCore
import Store

extension LogQLExpression: CustomStringConvertible {
    /// LogQL text that parses to this tree.
    package var description: String {
        switch self {
        case .log(let query): query.description
        case .metric(let query): query.description
        }
    }
}

extension LogQuery: CustomStringConvertible {
    package var description: String {
        ([selector] + stages.map(\.description)).joined(separator: " ")
    }

    private var selector: String {
        "{\(matchers.map { $0.logQL(spaced: false) }.joined(separator: ", "))}"
    }
}

extension PipelineStage: CustomStringConvertible {
    package var description: String {
        switch self {
        case .line(let filter): filter.description
        case .json: "| json"
        case .label(let filter, _): "| \(filter)"
        case .drop(let names, _): "| drop \(names.joined(separator: ", "))"
        }
    }
}

extension LineFilter: CustomStringConvertible {
    package var description: String {
        "\(`operator`.rawValue) \(texts.map(QuotedText.quote).joined(separator: " or "))"
    }
}

extension LabelFilter: CustomStringConvertible {
    package var description: String {
        switch self {
        case .text(let matcher): matcher.logQL(spaced: true)
        case .quantity(let filter): filter.description
        case .all(let parts):
            parts.map { $0.isCompound ? "(\($0))" : "\($0)" }.joined(separator: " and ")
        case .any(let parts):
            parts.map { part in
                if case .any = part { "(\(part))" } else { "\(part)" }
            }.joined(separator: " or ")
        }
    }

    private var isCompound: Bool {
        switch self {
        case .text, .quantity: false
        case .all, .any: true
        }
    }
}

extension LabelMatcher {
    fileprivate func logQL(spaced: Bool) -> String {
        let space = spaced ? " " : ""
        return "\(name)\(space)\(`operator`.rawValue)\(space)\(QuotedText.quote(value))"
    }
}

extension QuantityFilter: CustomStringConvertible {
    package var description: String { "\(name) \(comparison.rawValue) \(literal)" }
}

extension QuantityFilter.Literal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .number(let number): Quantity.format(number)
        case .duration(let nanoseconds): Quantity.format(nanoseconds: nanoseconds)
        case .bytes(let bytes): Quantity.format(bytes: bytes)
        }
    }
}

extension MetricQuery: CustomStringConvertible {
    package var description: String {
        switch self {
        case .window(let node): node.description
        case .aggregation(let node): node.description
        case .vector(let value, _): "vector(\(Quantity.format(value)))"
        case .number(let value, _): Quantity.format(value)
        case .arithmetic(let node): node.description
        }
    }
}

extension Arithmetic: CustomStringConvertible {
    package var description: String {
        "\(Self.operand(left)) \(`operator`.rawValue) \(Self.operand(right))"
    }

    private static func operand(_ query: MetricQuery) -> String {
        if case .arithmetic = query { "(\(query))" } else { "\(query)" }
    }
}

extension WindowQuery: CustomStringConvertible {
    package var description: String {
        let shift = offset == 0 ? "" : " offset \(Quantity.format(nanoseconds: offset))"
        let window = Quantity.format(nanoseconds: interval)
        return "\(function.rawValue)(\(query) [\(window)]\(shift))"
    }
}

extension VectorAggregation: CustomStringConvertible {
    package var description: String {
        switch grouping {
        case .by(let names):
            names.isEmpty
                ? "\(`operator`.rawValue)(\(operand))"
                : "\(`operator`.rawValue) by (\(names.joined(separator: ", "))) (\(operand))"
        case .without(let names):
            "\(`operator`.rawValue) without (\(names.joined(separator: ", "))) (\(operand))"
        }
    }
}
