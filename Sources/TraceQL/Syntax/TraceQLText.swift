import QueryCore

/// Pieces of queries as text, for whoever puts a query together.
package enum TraceQLText {
    /// A string literal.
    package static func quote(_ text: String) -> String { QuotedText.quote(text) }
}

extension TraceQLEngine {
    /// The field that a name such as `span.http.route`, `.x` or `event:name` means.
    /// - Throws: `bad_data` for what is none.
    package static func field(_ name: String) throws(QueryError) -> Field {
        try Parser.field(name)
    }
}
