import Telemetry
import TraceQL

/// The `tags` parameter of searches, `key=value key="a value"` (logfmt), as TraceQL.
enum TempoTags {
    struct Mistake: Error {
        var reason: String
    }

    static func pairs(_ text: String) throws(Mistake) -> [(key: String, value: String)] {
        var pairs: [(key: String, value: String)] = []
        var rest = text.unicodeScalars[...]
        while true {
            rest = rest.drop { $0.properties.isWhitespace }
            if rest.isEmpty { return pairs }
            let key = rest.prefix { !$0.properties.isWhitespace && $0 != "=" && $0 != "\"" }
            rest = rest[key.endIndex...]
            guard !key.isEmpty else { throw Mistake(reason: "unexpected '\(rest.first ?? "=")'") }
            let name = String(String.UnicodeScalarView(key))
            guard !pairs.contains(where: { $0.key == name }) else {
                throw Mistake(reason: "tag \(name) has been set twice")
            }
            var value = ""
            if rest.first == "=" {
                rest.removeFirst()
                value = try self.value(&rest)
            }
            pairs.append((name, value))
        }
    }

    private static func value(
        _ rest: inout String.UnicodeScalarView.SubSequence
    ) throws(Mistake) -> String {
        guard rest.first == "\"" else {
            let word = rest.prefix { !$0.properties.isWhitespace }
            rest = rest[word.endIndex...]
            return String(String.UnicodeScalarView(word))
        }
        rest.removeFirst()
        var value = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            if scalar == "\"" { return String(value) }
            if scalar != "\\" {
                value.append(scalar)
                continue
            }
            switch rest.popFirst() {
            case "n": value.append("\n")
            case "t": value.append("\t")
            case "r": value.append("\r")
            case .some(let escaped): value.append(escaped)
            case nil: break
            }
        }
        throw Mistake(reason: "unterminated quoted value")
    }

    /// All tags must hold of one span. Text is looked for as a part, whatever its case; a value that
    /// reads as a number or a truth is looked for as such too.
    static func query(_ pairs: [(key: String, value: String)]) -> String {
        let conditions = pairs.map { pair in
            let text = TraceQLText.quote("(?is).*" + escaped(pair.value) + ".*")
            switch (pair.key, pair.value) {
            case ("name", _), ("span.name", _): return "name =~ \(text)"
            case ("service.name", _): return "resource.service.name =~ \(text)"
            case ("status", "error"), ("status.code", "error"): return "status = error"
            case ("status", "ok"), ("status.code", "ok"): return "status = ok"
            default: break
            }
            let field = Field(.any, pair.key).description
            var alternatives = ["\(field) =~ \(text)"]
            if pair.value == "true" || pair.value == "false" || isNumber(pair.value) {
                alternatives.append("\(field) = \(pair.value)")
            }
            return "(" + alternatives.joined(separator: " || ") + ")"
        }
        return "{ " + conditions.joined(separator: " && ") + " }"
    }

    /// Text as a pattern that matches it.
    private static func escaped(_ text: String) -> String {
        var pattern = ""
        for character in text {
            if #"\.+*?()|[]{}^$"#.contains(character) { pattern.append("\\") }
            pattern.append(character)
        }
        return pattern
    }

    private static func isNumber(_ text: String) -> Bool {
        let digits = text.drop { $0 == "-" }
        return !digits.isEmpty && text.utf8.count - digits.utf8.count <= 1
            && digits.utf8.count <= 18 && digits.allSatisfy { ("0"..."9").contains($0) }
    }
}
