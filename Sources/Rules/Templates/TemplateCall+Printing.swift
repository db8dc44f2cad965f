/// Go's printing and escaping functions.
extension TemplateCall {
    func printing() throws(RenderFailure) -> String {
        switch function {
        case .printf: return GoFormat.text(try text(0), Array(arguments.dropFirst()))
        case .println: return arguments.map(\.text).joined(separator: " ") + "\n"
        case .html: return Self.escaped(joined, Self.htmlEscapes)
        case .js: return Self.escaped(joined, Self.scriptEscapes)
        case .urlquery: return URLText.queryEscaped(joined)
        default: return joined
        }
    }

    /// A space between two values of which neither is a text (Go, fmt.Sprint).
    private var joined: String {
        var text = ""
        for (index, value) in arguments.enumerated() {
            if index > 0, !value.isText, !arguments[index - 1].isText { text += " " }
            text += value.text
        }
        return text
    }

    private static let htmlEscapes: [Character: String] = [
        "<": "&lt;", ">": "&gt;", "&": "&amp;", "'": "&#39;", "\"": "&#34;", "\0": "\u{FFFD}",
    ]

    /// As html/template escapes texts.
    static func htmlText(_ text: String) -> String {
        escaped(text, htmlEscapes.merging(["+": "&#43;"]) { $1 })
    }

    private static let scriptEscapes: [Character: String] = [
        "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "'": "\\'", "\"": "\\\"", "\\": "\\\\",
        "=": "\\u003D", "\n": "\\u000A", "\t": "\\u0009", "\r": "\\u000D",
    ]

    private static func escaped(_ text: String, _ escapes: [Character: String]) -> String {
        text.reduce(into: "") { $0 += escapes[$1] ?? String($1) }
    }
}

extension TemplateValue {
    fileprivate var isText: Bool {
        if case .string = self { return true }
        return false
    }
}
