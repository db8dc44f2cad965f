import QueryCore

/// A lexical unit of TraceQL.
struct Token: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case end
        /// A word: an intrinsic, a function, a constant such as `error`.
        case identifier
        /// The content without quotes and escapes.
        case string(String)
        case integer(Int64)
        case float(Double)
        /// Nanoseconds.
        case duration(Int64)
        /// `span.http.route`, `.x`, `parent.resource.y`: a whole attribute.
        case attribute(Field)
        /// `span:`, `trace:`, `event:`, `link:`, `instrumentation:`.
        case scope(Intrinsic.Scope)
        case symbol(Symbol)
    }

    enum Symbol: String, Sendable, CaseIterable {
        case leftBrace = "{"
        case rightBrace = "}"
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case comma = ","
        case pipe = "|"
        case equal = "="
        case notEqual = "!="
        case matches = "=~"
        case doesNotMatch = "!~"
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
        case power = "^"
        case and = "&&"
        case or = "||"
        case not = "!"
        case descendant = ">>"
        case ancestor = "<<"
        case sibling = "~"
        case notChild = "!>"
        case notParent = "!<"
        case notDescendant = "!>>"
        case notAncestor = "!<<"
        case unionSibling = "&~"
        case unionChild = "&>"
        case unionParent = "&<"
        case unionDescendant = "&>>"
        case unionAncestor = "&<<"
    }

    var kind: Kind
    var range: SourceRange
    /// As written.
    var text: String

    /// How messages name it.
    var name: String {
        switch kind {
        case .end: "$end"
        case .string: "STRING"
        case .integer: "INTEGER"
        case .float: "FLOAT"
        case .duration: "DURATION"
        case .identifier, .attribute, .scope, .symbol: text
        }
    }
}
