import QueryCore

/// Where a value stands in a JSON line: `a.b[0]["c d"]`, behind `json label=`.
struct FieldPath: Sendable, Hashable {
    enum Step: Sendable, Hashable {
        case field([UInt8])
        case index(Int)
    }

    /// At least one.
    let steps: [Step]

    init(_ text: String) throws(ExpressionError) {
        var rest = Array(text.utf8)[...]
        var steps: [Step] = []
        while let byte = rest.first {
            if byte == UInt8(ascii: "[") {
                rest = rest.dropFirst()
                steps.append(try FieldPath.bracketed(&rest))
                continue
            }
            if byte == UInt8(ascii: "."), !steps.isEmpty {
                rest = rest.dropFirst()
            } else if !steps.isEmpty {
                throw ExpressionError(reason: "unexpected '\(Character(Unicode.Scalar(byte)))'")
            }
            let name = rest.prefix { Lexer.isAlpha($0) || Lexer.isDigit($0) }
            guard let first = name.first, Lexer.isAlpha(first) else {
                throw ExpressionError(reason: "a field is expected")
            }
            steps.append(.field(Array(name)))
            rest = rest[name.endIndex...]
        }
        guard !steps.isEmpty else { throw ExpressionError(reason: "empty expression") }
        self.steps = steps
    }

    /// What stands behind `[`: a number or a quoted name.
    private static func bracketed(_ rest: inout ArraySlice<UInt8>) throws(ExpressionError) -> Step {
        let isQuoted = rest.first == UInt8(ascii: "\"")
        var content: [UInt8] = []
        if isQuoted {
            rest = rest.dropFirst()
            while let byte = rest.first, byte != UInt8(ascii: "\"") {
                rest = rest.dropFirst()
                if byte == UInt8(ascii: "\\"), let escaped = rest.first {
                    content.append(escaped)
                    rest = rest.dropFirst()
                } else {
                    content.append(byte)
                }
            }
            rest = rest.dropFirst()
        } else {
            content = Array(rest.prefix(while: Lexer.isDigit))
            rest = rest.dropFirst(content.count)
        }
        guard rest.first == UInt8(ascii: "]") else { throw ExpressionError(reason: "] is missing") }
        rest = rest.dropFirst()
        if isQuoted { return .field(content) }
        guard let index = Int(String(decoding: content, as: UTF8.self)) else {
            throw ExpressionError(reason: "a number or a quoted name is expected behind [")
        }
        return .index(index)
    }
}
