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

    /// The format and names that an `Accept` asks for: what it wants most comes first.
    static func negotiated(
        _ accept: String?
    ) -> (format: FederationFormat, escaping: NameEscaping) {
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
            if let format = FederationFormat(type) { return (format, escaping) }
        }
        return (.text(version: "0.0.4"), escaping)
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

/// What federated samples are written as.
enum FederationFormat {
    case text(version: String)
    /// Delimited `io.prometheus.client.MetricFamily`, which alone has room for native histograms.
    case protobuf

    private static let protobufType = "application/vnd.google.protobuf"
    private static let message = "io.prometheus.client.MetricFamily"

    /// `nil` for what is not served.
    init?(_ type: MediaType) {
        switch type.essence {
        case Self.protobufType:
            guard type.parameters["proto"] == Self.message,
                type.parameters["encoding"] == "delimited"
            else { return nil }
            self = .protobuf
        case "text/plain":
            let version = type.parameters["version"] ?? ""
            guard ["", "0.0.4", "1.0.0"].contains(version) else { return nil }
            self = .text(version: version.isEmpty ? "0.0.4" : version)
        default: return nil
        }
    }

    func contentType(_ escaping: NameEscaping) -> String {
        switch self {
        case .text(let version):
            "text/plain; version=\(version); charset=utf-8; escaping=\(escaping.rawValue)"
        case .protobuf:
            "\(Self.protobufType); proto=\(Self.message); encoding=delimited; "
                + "escaping=\(escaping.rawValue)"
        }
    }
}

extension MediaType {
    fileprivate var weight: Double { parameters["q"].flatMap { Double($0) } ?? 1 }
}
