import Telemetry

/// Lines with the same labels, in the order of the query's direction; lines of one time in the order of
/// the store.
package struct LogStreamResult: Sendable, Hashable {
    /// The labels of the stream and, after a parser, of the line's fields.
    package var labels: Labels
    package var entries: [LogEntry]

    package init(labels: Labels, entries: [LogEntry]) {
        self.labels = labels
        self.entries = entries
    }
}

/// One line of a result.
package struct LogEntry: Sendable, Hashable {
    package var time: Timestamp
    /// UTF-8, without a line end.
    package var line: [UInt8]
    /// `.invalid` when the record belongs to no trace. Loki's structured metadata `trace_id`.
    package var traceID: TraceID
    /// Loki's structured metadata `span_id`.
    package var spanID: SpanID
    /// Loki's structured metadata `severity_text`; "" when the record says nothing.
    package var severity: String
    /// Those of the stream's labels that stages have found or made.
    package var parsed: Labels
    /// Attributes beside a record's text, as far as no label has their names and no stage dropped them.
    /// Further structured metadata.
    package var metadata: Labels

    package init(
        time: Timestamp, line: [UInt8], traceID: TraceID = .invalid, spanID: SpanID = .invalid,
        severity: String = "", parsed: Labels = .empty, metadata: Labels = .empty
    ) {
        self.time = time
        self.line = line
        self.traceID = traceID
        self.spanID = spanID
        self.severity = severity
        self.parsed = parsed
        self.metadata = metadata
    }
}
