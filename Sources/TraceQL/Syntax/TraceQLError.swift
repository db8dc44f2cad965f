import QueryCore

extension QueryError {
    /// A mistake in the query's text, worded as Tempo does: `parse error at line 1, col 5: reason`.
    /// Columns count bytes from 1.
    static func traceQL(
        _ reason: String, at range: SourceRange, in source: String
    ) -> QueryError {
        let place = range.position(in: source.isEmpty ? " " : source).split(separator: ":")
        let line = place.first ?? "1"
        let column = place.last ?? "1"
        return QueryError(
            .badData, "parse error at line \(line), col \(column): \(reason)", range: range,
            excerpt: range.excerpt(of: source))
    }
}
