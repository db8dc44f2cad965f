import Store

/// Why a query has no answer. `kind` is the `errorType` of Prometheus's HTTP API.
package struct QueryError: Error, Equatable, Sendable {
    package enum Kind: String, Sendable {
        /// The request is wrong: HTTP 400.
        case badData = "bad_data"
        /// The query is well formed but fails on this data or exceeds a limit: HTTP 422.
        case execution
        /// The deadline passed: HTTP 503.
        case timeout
        /// The caller went away or asked to stop: HTTP 499.
        case canceled
        /// The store failed or is damaged: HTTP 500.
        case `internal`
        /// The store takes no requests now; the same query may succeed later: HTTP 503.
        case unavailable
    }

    package var kind: Kind
    package var message: String
    /// Where in the query's text, if it is about a place there.
    package var range: SourceRange?
    /// The line of the query it is about with carets under the place; for people.
    package var excerpt: String?

    package init(
        _ kind: Kind, _ message: String, range: SourceRange? = nil, excerpt: String? = nil
    ) {
        self.kind = kind
        self.message = message
        self.range = range
        self.excerpt = excerpt
    }

    /// A mistake in the query's text, worded as Prometheus does: `line:column: parse error: reason`.
    package static func parse(_ reason: String, at range: SourceRange, in source: String)
        -> QueryError
    {
        QueryError(
            .badData, "\(range.position(in: source)): parse error: \(reason)", range: range,
            excerpt: range.excerpt(of: source))
    }

    package static func badData(_ message: String) -> QueryError { QueryError(.badData, message) }
    package static func execution(_ message: String) -> QueryError {
        QueryError(.execution, message)
    }

    /// A construct that the language has and this program has not.
    package static func notSupported(
        _ construct: String, at range: SourceRange, in source: String
    ) -> QueryError {
        QueryError(
            .badData, "not supported yet: \(construct)", range: range,
            excerpt: source.isEmpty ? nil : range.excerpt(of: source))
    }

    /// What a failure of the store means to whoever asks.
    package init(_ error: StoreError) {
        switch error {
        case .invalidPattern: self.init(.badData, error.description)
        case .limitExceeded, .unsupported: self.init(.execution, error.description)
        case .overloaded, .closed: self.init(.unavailable, error.description)
        case .writeFailed, .damaged, .incompatible: self.init(.internal, error.description)
        }
    }
}

extension QueryError: CustomStringConvertible {
    package var description: String { "\(kind.rawValue): \(message)" }
}
