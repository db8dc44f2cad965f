import QueryCore

/// A lexical unit of LogQL.
struct Token: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case end
        case identifier
        /// The content without quotes and escapes.
        case string(String)
        case number(Double)
        /// Nanoseconds.
        case duration(Int64)
        case bytes(UInt64)
        case symbol(Symbol)
    }

    enum Symbol: String, Sendable, CaseIterable {
        case leftBrace = "{"
        case rightBrace = "}"
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case leftBracket = "["
        case rightBracket = "]"
        case comma = ","
        case equal = "="
        case doubleEqual = "=="
        case notEqual = "!="
        case matches = "=~"
        case doesNotMatch = "!~"
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case pipe = "|"
        case contains = "|="
        case containsMatch = "|~"
        case containsPattern = "|>"
        case containsNoPattern = "!>"
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
        case power = "^"
        case at = "@"
    }

    var kind: Kind
    var range: SourceRange
    /// As written.
    var text: String

    /// How Loki's messages name it.
    var name: String {
        switch kind {
        case .end: "$end"
        case .identifier: Token.words.contains(text) ? text : "IDENTIFIER"
        case .string: "STRING"
        case .number: "NUMBER"
        case .duration: "DURATION"
        case .bytes: "BYTES"
        case .symbol(let symbol): symbol.rawValue
        }
    }

    private static let words: Set<String> = [
        "and", "by", "json", "logfmt", "offset", "or", "unless", "unwrap", "without",
    ]
}
