/// Reads matchers in both of Alertmanager's syntaxes: `a="b"`, with names that may be quoted and hold any
/// character, and the older one, in which values need no quotes (matcher/parse, pkg/labels/parse.go).
package enum MatcherText {
    /// One matcher; braces are refused.
    package static func matcher(_ text: String) throws(MatcherFailure) -> LabelMatcher {
        if text.hasPrefix("{")
            || text.hasSuffix("}") && !text.hasSuffix("\\}") && !text.contains("\"")
        {
            throw MatcherFailure(reason: "unexpected open or close brace: \(text)")
        }
        return try single(text)
    }

    /// Several, separated by commas, with or without braces around them.
    package static func matchers(_ text: String) throws(MatcherFailure) -> [LabelMatcher] {
        var inner = text[...].trimmed
        if inner.hasPrefix("{") { inner = inner.dropFirst() }
        if inner.hasSuffix("}") { inner = inner.dropLast() }
        var found: [LabelMatcher] = []
        let parts = split(inner)
        for (index, part) in parts.enumerated() {
            // A comma at the end ends nothing more.
            if part.trimmed.isEmpty, index == parts.count - 1 { break }
            found.append(try single(String(part)))
        }
        return found
    }

    /// At commas outside of quotes.
    private static func split(_ text: Substring) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var (isQuoted, isEscaped) = (false, false)
        for index in text.indices {
            let character = text[index]
            if character == ",", !isQuoted {
                parts.append(text[start..<index])
                start = text.index(after: index)
            }
            if character == "\"", !isEscaped { isQuoted.toggle() }
            isEscaped = character == "\\" && !isEscaped
        }
        parts.append(text[start...])
        return parts
    }

    private static func single(_ text: String) throws(MatcherFailure) -> LabelMatcher {
        var rest = text[...].trimmed
        let name = try name(&rest, of: text)
        rest = rest.trimmed
        let operation: LabelMatcher.Operation
        if rest.hasPrefix("=~") {
            operation = .matches
        } else if rest.hasPrefix("!~") {
            operation = .notMatches
        } else if rest.hasPrefix("!=") {
            operation = .notEqual
        } else if rest.hasPrefix("=") {
            operation = .equal
        } else {
            throw MatcherFailure(reason: "bad matcher format: \(text)")
        }
        rest = rest.dropFirst(operation.rawValue.count).trimmed
        return try LabelMatcher(name, operation, try value(rest))
    }

    private static func name(
        _ rest: inout Substring, of text: String
    ) throws(MatcherFailure) -> String {
        if rest.hasPrefix("\"") {
            guard let end = closingQuote(rest) else {
                throw MatcherFailure(reason: "bad matcher format: \(text)")
            }
            let name = try value(rest[...end])
            rest = rest[rest.index(after: end)...]
            return name
        }
        let name = rest.prefix { !"=!~{},\"'`\\".contains($0) && !$0.isWhitespace }
        guard let first = name.first, !(first.isASCII && first.isNumber) else {
            throw MatcherFailure(reason: "bad matcher format: \(text)")
        }
        rest = rest.dropFirst(name.count)
        return String(name)
    }

    private static func closingQuote(_ text: Substring) -> String.Index? {
        var isEscaped = false
        for index in text.indices.dropFirst() {
            if text[index] == "\"", !isEscaped { return index }
            isEscaped = text[index] == "\\" && !isEscaped
        }
        return nil
    }

    /// A quoted or plain value, unescaped; a backslash before anything else stands for itself.
    private static func value(_ raw: Substring) throws(MatcherFailure) -> String {
        let complaint = MatcherFailure(
            reason: "matcher value contains unescaped double quote: \(raw)")
        var rest = raw
        let isQuoted = rest.hasPrefix("\"")
        if isQuoted { rest = rest.dropFirst() }
        var value = ""
        var isClosed = false
        while let character = rest.popFirst() {
            if isClosed { throw complaint }
            switch character {
            case "\\":
                guard let next = rest.first else {
                    value.append("\\")
                    continue
                }
                rest = rest.dropFirst()
                switch next {
                case "n": value.append("\n")
                case "\"", "\\": value.append(next)
                default: value += "\\\(next)"
                }
            case "\"":
                guard isQuoted else { throw complaint }
                isClosed = true
            default: value.append(character)
            }
        }
        if isQuoted, !isClosed { throw complaint }
        return value
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = drop { $0.isWhitespace }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return text
    }
}
