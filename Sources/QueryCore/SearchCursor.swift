import Telemetry

/// Where a page of search results ended. Results stand newest first by the start of their newest span that
/// matches, equal starts by trace id, so what stands behind a cursor does not depend on the pages before it.
///
/// As text: `START-TRACE-COUNT-QUERY`, nanoseconds, hexadecimal id, results so far, and what the query was.
package struct SearchCursor: Hashable, Sendable {
    /// Of the last result.
    package var newestStart: Timestamp
    package var trace: TraceID
    /// Results up to it.
    package var count: Int

    package init(newestStart: Timestamp, trace: TraceID, count: Int) {
        self.newestStart = newestStart
        self.trace = trace
        self.count = count
    }

    /// Whether a result stands behind it.
    package func precedes(_ trace: TraceID, _ newestStart: Timestamp) -> Bool {
        newestStart != self.newestStart ? newestStart < self.newestStart : self.trace < trace
    }

    // MARK: Text

    /// - Parameter query: what is searched for, in any form that says it wholly; without the range of time,
    ///   which may move between pages.
    package func text(of query: String) -> String {
        "\(newestStart.nanoseconds)-\(trace.hex)-\(count)-\(Self.mark(query))"
    }

    /// - Throws: `bad_data` for a text that is no cursor, or one of another query.
    package init(_ text: String, of query: String) throws(QueryError) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, let start = Int64(parts[0]), let count = Int(parts[2]), count >= 0
        else { throw .badData("\"\(text.prefix(100))\" is not a cursor of a search") }
        do throws(IdentifierError) {
            trace = try TraceID(hex: String(parts[1]))
        } catch {
            throw .badData("\"\(text.prefix(100))\" is not a cursor of a search: \(error)")
        }
        guard parts[3] == Self.mark(query) else {
            throw .badData(
                "the cursor belongs to another query; ask for its first page without one")
        }
        newestStart = Timestamp(nanoseconds: start)
        self.count = count
    }

    private static func mark(_ query: String) -> String {
        String(UInt32(truncatingIfNeeded: ContentHash(Array(query.utf8)).low), radix: 36)
    }
}

/// How many results a search has in all.
package struct ResultCount: Hashable, Sendable, CustomStringConvertible {
    package var value: Int
    /// Otherwise there are at least so many.
    package var isExact: Bool

    package init(_ value: Int, isExact: Bool) {
        self.value = value
        self.isExact = isExact
    }

    /// `37`, or `>=20`.
    package var description: String { isExact ? "\(value)" : ">=\(value)" }
}

/// Which results of a search are asked for.
package struct SearchPage: Hashable, Sendable {
    package var after: SearchCursor?
    /// Whether all results are to be counted, which looks at the whole range.
    package var wantsCount: Bool

    package init(after: SearchCursor? = nil, wantsCount: Bool = false) {
        self.after = after
        self.wantsCount = wantsCount
    }
}
