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
        case .json(let fields, _): Self.join("| json", fields.map(\.description))
        case .logfmt(let options, let fields, _):
            Self.join("| logfmt\(options)", fields.map(\.description))
        case .regexp(let pattern, _): "| regexp \(QuotedText.quote(pattern))"
        case .pattern(let pattern, _): "| pattern \(QuotedText.quote(pattern))"
        case .unpack: "| unpack"
        case .decolorize: "| decolorize"
        case .label(let filter, _): "| \(filter)"
        case .lineFormat(let template, _): "| line_format \(QuotedText.quote(template))"
        case .labelFormat(let formats, _): Self.join("| label_format", formats.map(\.description))
        case .drop(let labels, _): Self.join("| drop", labels.map(\.description))
        case .keep(let labels, _): Self.join("| keep", labels.map(\.description))
        case .distinct(let names, _): Self.join("| distinct", names)
        }
    }

    private static func join(_ name: String, _ parts: [String]) -> String {
        parts.isEmpty ? name : "\(name) \(parts.joined(separator: ", "))"
    }
}

extension FieldExtraction: CustomStringConvertible {
    package var description: String { "\(label)=\(QuotedText.quote(expression))" }
}

extension LogfmtOptions: CustomStringConvertible {
    package var description: String {
        (isStrict ? " --strict" : "") + (keepsEmpty ? " --keep-empty" : "")
    }
}

extension LabelFormat: CustomStringConvertible {
    package var description: String {
        switch source {
        case .label(let other): "\(name)=\(other)"
        case .template(let template): "\(name)=\(QuotedText.quote(template))"
        }
    }
}

extension LabelSelection: CustomStringConvertible {
    package var description: String {
        switch self {
        case .name(let name): name
        case .matching(let matcher): matcher.logQL(spaced: false)
        }
    }
}

extension LineFilter: CustomStringConvertible {
    package var description: String {
        "\(`operator`.rawValue) \(terms.map(\.description).joined(separator: " or "))"
    }
}

extension LineFilter.Term: CustomStringConvertible {
    package var description: String {
        switch self {
        case .text(let text): QuotedText.quote(text)
        case .address(let addresses): "ip(\(QuotedText.quote(addresses)))"
        }
    }
}

extension LabelFilter: CustomStringConvertible {
    package var description: String {
        switch self {
        case .text(let matcher): matcher.logQL(spaced: true)
        case .quantity(let filter): filter.description
        case .address(let filter):
            "\(filter.name) \(filter.isNegated ? "!=" : "=") ip(\(QuotedText.quote(filter.addresses)))"
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
        case .text, .quantity, .address: false
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
