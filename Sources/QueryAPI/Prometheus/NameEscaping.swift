import HTTPServer
import QueryCore

/// How names that older clients cannot read are told to them, as Prometheus agrees on it with whoever asks
/// (prometheus/docs, "UTF-8 Support: escaping schemes").
enum NameEscaping: String {
    /// As they are, in quotes.
    case allowed = "allow-utf-8"
    case underscores
    case dots
    case values

    /// Version of the text format and names that an `Accept` asks for: what it wants most comes first.
    static func negotiated(_ accept: String?) -> (version: String, escaping: NameEscaping) {
        var escaping = NameEscaping.underscores
        let wanted = (accept ?? "").split(separator: ",").compactMap { MediaType(String($0)) }
        let order = wanted.enumerated().sorted {
            let (a, b) = ($0.element.weight, $1.element.weight)
            return a == b ? $0.offset < $1.offset : a > b
        }
        for type in order.map(\.element) {
            if let named = type.parameters["escaping"].flatMap(NameEscaping.init) {
                escaping = named
            }
            guard type.essence == "text/plain" else { continue }
            switch type.parameters["version"] ?? "" {
            case "1.0.0": return ("1.0.0", escaping)
            case "", "0.0.4": return ("0.0.4", escaping)
            default: continue
            }
        }
        return ("0.0.4", escaping)
    }

    func escaped(_ name: String) -> String {
        let isPlain = QuotedText.isPlainMetricName(name)
        switch self {
        case .allowed: return name
        case .underscores: return isPlain ? name : Self.escaped(name) { _ in "_" }
        case .dots:
            return Self.escaped(name.replacing("_", with: "__")) { $0 == "." ? "_dot_" : "__" }
        case .values:
            guard !isPlain else { return name }
            return "U__"
                + Self.escaped(name.replacing("_", with: "__")) {
                    "_\(String($0.value, radix: 16))_"
                }
        }
    }

    /// Names of labels have no colons.
    func escapedLabel(_ name: String) -> String {
        guard self == .underscores else { return escaped(name) }
        return QuotedText.isPlainLabelName(name)
            ? name
            : Self.escaped(name) { _ in "_" }
                .replacing(":", with: "_")
    }

    private static func escaped(
        _ name: String, _ replacement: (Unicode.Scalar) -> String
    ) -> String {
        var text = ""
        for scalar in name.unicodeScalars {
            if QuotedText.isPlainMetricName((text.isEmpty ? "" : "_") + String(scalar)) {
                text.unicodeScalars.append(scalar)
            } else {
                text += replacement(scalar)
            }
        }
        return text
    }
}

extension MediaType {
    fileprivate var weight: Double { parameters["q"].flatMap { Double($0) } ?? 1 }
}
