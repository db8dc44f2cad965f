import QueryCore
import Store

extension Expression: CustomStringConvertible {
    /// PromQL text that parses to this tree.
    package var description: String {
        switch self {
        case .number(let node): node.description
        case .string(let node): QuotedText.quote(node.value)
        case .vectorSelector(let node): node.description
        case .rangeSelector(let node): node.description
        case .subquery(let node): node.description
        case .call(let node): node.description
        case .aggregation(let node): node.description
        case .binary(let node): node.description
        case .unary(let node): (node.isNegation ? "-" : "+") + node.operand.description
        case .parenthesized(let node): "(\(node.inner))"
        }
    }
}

extension NumberLiteral: CustomStringConvertible {
    package var description: String {
        guard isDuration else { return NumberFormat.decimal(value) }
        return PromQLDuration.format(milliseconds: Int64((value * 1_000).rounded()))
    }
}

extension VectorSelector: CustomStringConvertible {
    package var description: String {
        bareDescription + shift.anchorDescription + edges.description + shift.offsetDescription
    }

    /// Without `@` and `offset`.
    fileprivate var bareDescription: String {
        guard !matchers.isEmpty else { return name ?? "{}" }
        return (name ?? "") + "{\(matchers.map(\.promQL).joined(separator: ","))}"
    }
}

extension LabelMatcher {
    /// As it stands in a selector, the name quoted where it must be.
    package var promQL: String {
        let plain = QuotedText.isPlainLabelName(name) ? name : QuotedText.quote(name)
        return plain + `operator`.rawValue + QuotedText.quote(value)
    }
}

extension WindowEdges: CustomStringConvertible {
    package var description: String { self == .asSampled ? "" : " \(rawValue)" }
}

extension RangeSelector: CustomStringConvertible {
    package var description: String {
        let duration =
            computedDuration?.description ?? PromQLDuration.format(milliseconds: duration)
        return "\(selector.bareDescription)[\(duration)]\(selector.edges)\(selector.shift)"
    }
}

extension Subquery: CustomStringConvertible {
    package var description: String {
        let duration =
            computedDuration?.description ?? PromQLDuration.format(milliseconds: duration)
        let step =
            computedStep?.description
            ?? step.map { PromQLDuration.format(milliseconds: $0) } ?? ""
        return "\(inner)[\(duration):\(step)]\(shift)"
    }
}

extension TimeShift: CustomStringConvertible {
    package var description: String { anchorDescription + offsetDescription }

    fileprivate var anchorDescription: String {
        switch at {
        case .time(let time): " @ " + NumberFormat.seconds(milliseconds: time)
        case .start: " @ start()"
        case .end: " @ end()"
        case nil: ""
        }
    }

    fileprivate var offsetDescription: String {
        if let computedOffset { return " offset \(computedOffset)" }
        return offset == 0 ? "" : " offset " + PromQLDuration.format(milliseconds: offset)
    }
}

extension FunctionCall: CustomStringConvertible {
    package var description: String {
        "\(function.rawValue)(\(arguments.map(\.description).joined(separator: ", ")))"
    }
}

extension Aggregation: CustomStringConvertible {
    package var description: String {
        var text = `operator`.rawValue
        switch grouping {
        case .by(let labels):
            if !labels.isEmpty { text += " by (\(Self.list(labels))) " }
        case .without(let labels): text += " without (\(Self.list(labels))) "
        }
        let arguments = [parameter, operand].compactMap { $0?.description }
        return text + "(\(arguments.joined(separator: ", ")))"
    }

    /// Label names with commas, quoted where they must be.
    static func list(_ labels: [String]) -> String {
        labels.map { QuotedText.isPlainLabelName($0) ? $0 : QuotedText.quote($0) }
            .joined(separator: ", ")
    }
}

extension BinaryOperation: CustomStringConvertible {
    package var description: String {
        let chain = OperatorChain(self)
        return chain.operations.reduce(into: chain.first.description) {
            let bool = $1.returnsBool ? " bool" : ""
            $0 += " \($1.operator.rawValue)\(bool)\($1.matching) \($1.right)"
        }
    }
}

extension VectorMatching: CustomStringConvertible {
    package var description: String {
        var text = ""
        switch labels {
        case .on(let labels): text += " on (\(Aggregation.list(labels)))"
        case .ignoring(let labels): text += " ignoring (\(Aggregation.list(labels)))"
        case nil: break
        }
        switch cardinality {
        case .oneToOne: break
        case .manyToOne(let include): text += " group_left (\(Aggregation.list(include)))"
        case .oneToMany(let include): text += " group_right (\(Aggregation.list(include)))"
        }
        if let fillLeft, fillLeft == fillRight {
            return text + " fill (\(NumberFormat.general(fillLeft)))"
        }
        if let fillLeft { text += " fill_left (\(NumberFormat.general(fillLeft)))" }
        if let fillRight { text += " fill_right (\(NumberFormat.general(fillRight)))" }
        return text
    }
}
