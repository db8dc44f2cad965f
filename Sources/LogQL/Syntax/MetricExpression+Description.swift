import QueryCore

extension MetricQuery: CustomStringConvertible {
    package var description: String {
        switch self {
        case .window(let node): node.description
        case .aggregation(let node): node.description
        case .vector(let value, _): "vector(\(Quantity.format(value)))"
        case .number(let value, _): Quantity.format(value)
        case .binary(let node): node.description
        case .labelReplace(let node): node.description
        }
    }
}

extension BinaryOperation: CustomStringConvertible {
    package var description: String {
        let flag = returnsBool ? " bool" : ""
        let labels = matching.map { " \($0)" } ?? ""
        return "\(Self.operand(left)) \(`operator`.rawValue)\(flag)\(labels) \(Self.operand(right))"
    }

    private static func operand(_ query: MetricQuery) -> String {
        if case .binary = query { "(\(query))" } else { "\(query)" }
    }
}

extension VectorMatching: CustomStringConvertible {
    package var description: String {
        let labels = "\(isOn ? "on" : "ignoring") (\(names.joined(separator: ", ")))"
        switch cardinality {
        case .oneToOne: return labels
        case .manyToOne(let taken): return "\(labels) group_left (\(taken.joined(separator: ", ")))"
        case .oneToMany(let taken):
            return "\(labels) group_right (\(taken.joined(separator: ", ")))"
        }
    }
}

extension LabelReplacement: CustomStringConvertible {
    package var description: String {
        let texts = [target, replacement, source, pattern].map(QuotedText.quote)
        return "label_replace(\(operand), \(texts.joined(separator: ", ")))"
    }
}

extension WindowQuery: CustomStringConvertible {
    package var description: String {
        let before = parameter.map { "\(Quantity.format($0)), " } ?? ""
        let values = unwrap.map { " \($0)" } ?? ""
        let shift = offset == 0 ? "" : " offset \(Quantity.format(nanoseconds: offset))"
        let window = Quantity.format(nanoseconds: interval)
        let labels = grouping.map { " \($0)" } ?? ""
        return "\(function.rawValue)(\(before)\(query)\(values) [\(window)]\(shift))\(labels)"
    }
}

extension Unwrap: CustomStringConvertible {
    package var description: String {
        let value = conversion == .number ? label : "\(conversion.rawValue)(\(label))"
        return (["| unwrap \(value)"] + filters.map { "| \($0)" }).joined(separator: " ")
    }
}

extension Grouping: CustomStringConvertible {
    package var description: String {
        switch self {
        case .by(let names): "by (\(names.joined(separator: ", ")))"
        case .without(let names): "without (\(names.joined(separator: ", ")))"
        }
    }
}

extension VectorAggregation: CustomStringConvertible {
    package var description: String {
        let before = count.map { "\($0), " } ?? ""
        if case .by(let names) = grouping, names.isEmpty {
            return "\(`operator`.rawValue)(\(before)\(operand))"
        }
        return "\(`operator`.rawValue) \(grouping) (\(before)\(operand))"
    }
}
