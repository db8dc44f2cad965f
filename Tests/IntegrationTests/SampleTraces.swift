import Foundation
import Testing

/// Spans as their senders told them and as the server tells them, in one form that can be compared.
enum SampleTraces {
    /// A span's content by "trace span": all that OTLP's JSON says of it, default values left out.
    typealias Spans = [String: String]

    /// The spans of OTLP JSON requests or answers.
    static func spans(ofOTLP request: Answer) -> Spans {
        var spans: Spans = [:]
        for resource in request["resourceSpans"].array {
            for scope in resource["scopeSpans"].array {
                for span in scope["spans"].array {
                    let told: [String: Any] = [
                        "resource": plain(resource["resource"]), "scope": plain(scope["scope"]),
                        "span": plain(span),
                    ]
                    let key = "\(span["traceId"].string ?? "") \(span["spanId"].string ?? "")"
                    spans[key.lowercased()] = Answer(told).text
                }
            }
        }
        return spans
    }

    /// Without members that have proto3's default value, which senders may write or leave out; what an
    /// attribute holds is never left out.
    private static func plain(_ value: Answer) -> Any {
        if value.value is [Any] { return value.array.map { plain($0) } }
        guard let members = value.value as? [String: Any] else { return value.value ?? "" }
        var kept: [String: Any] = [:]
        for (key, member) in members {
            let member = plain(Answer(member))
            if key == "value" || key.hasSuffix("Value") || !isDefault(member) { kept[key] = member }
        }
        return kept
    }

    private static func isDefault(_ value: Any) -> Bool {
        if let text = value as? String { return text.isEmpty }
        if let array = value as? [Any] { return array.isEmpty }
        if let members = value as? [String: Any] { return members.isEmpty }
        return (value as? NSNumber) == 0
    }

    /// The files below sample-data whose names end so, as paths.
    static func files(_ ending: String) throws -> [String] {
        let root = Program.sampleData.path
        return try FileManager.default.subpathsOfDirectory(atPath: root)
            .filter { $0.hasSuffix(ending) }.sorted().map { "\(root)/\($0)" }
    }

    /// The JSON values of a file of lines.
    static func lines(_ path: String) throws -> [Answer] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            .map { try Answer(parsing: String($0)) }
    }
}
