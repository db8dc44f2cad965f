/// Why single items of a readable body were refused. Raw values are label values of our own metrics and
/// stand in partial-success messages, so they never change.
package enum RejectionReason: String, Sendable, CaseIterable {
    /// Not 16 bytes, not hexadecimal, or all zero.
    case invalidTraceID = "invalid_trace_id"
    /// Not 8 bytes, not hexadecimal, or all zero.
    case invalidSpanID = "invalid_span_id"
    case invalidParentID = "invalid_parent_id"
    case missingTimestamp = "missing_timestamp"
    case invalidTimestamp = "invalid_timestamp"
    case unsortedLabels = "unsorted_labels"
    case duplicateLabel = "duplicate_label"
    case emptyLabelName = "empty_label_name"
    case emptyMetricName = "empty_metric_name"
    case invalidName = "invalid_name"
    /// A reference into a table of texts that leads nowhere.
    case invalidReference = "invalid_reference"
    case invalidUTF8 = "invalid_utf8"
    case invalidHistogram = "invalid_histogram"
    /// Delta (or no) temporality, which a store of cumulative series cannot keep.
    case unsupportedTemporality = "unsupported_temporality"
    /// An increment that is earlier than the last one of its series.
    case outOfOrderDelta = "out_of_order_delta"
    /// More series of increments than running totals are kept for.
    case tooManyDeltaSeries = "too_many_delta_series"
    /// A metric without any kind of data point that we know.
    case unsupportedKind = "unsupported_kind"
    case malformedItem = "malformed_item"
    /// The body's series already take `WireLimits.labelBytesMax` bytes of labels.
    case labelsTooLong = "labels_too_long"
    /// A log line over `LogLines.lineBytesMax`.
    case lineTooLong = "line_too_long"
}

/// Items of one body that were refused for the same reason.
package struct Rejection: Hashable, Sendable {
    package var reason: RejectionReason
    package var count: Int
    /// The first of them, described for the person who has to find it.
    package var example: String

    package init(reason: RejectionReason, count: Int, example: String) {
        self.reason = reason
        self.count = count
        self.example = example
    }
}

/// Counts rejections by reason while a body is decoded; only the first of each reason is described.
package struct RejectionTally: Sendable {
    package private(set) var rejections: [Rejection] = []

    package init() {}

    package mutating func add(
        _ reason: RejectionReason, count: Int = 1, example: @autoclosure () -> String
    ) {
        if let index = rejections.firstIndex(where: { $0.reason == reason }) {
            rejections[index].count += count
        } else {
            rejections.append(Rejection(reason: reason, count: count, example: example()))
        }
    }
}

/// What a decoder made of one body.
package struct Decoded<Batch: Sendable>: Sendable {
    package var batch: Batch
    package var rejections: [Rejection]
    /// Texts that were not UTF-8 and have been repaired with U+FFFD.
    package var repairedStrings: Int
    /// Optional fields left out because they were unusable (the trace id of a log record with 5 bytes),
    /// while their item was kept.
    package var ignoredFields: Int

    package init(
        batch: Batch, rejections: [Rejection] = [], repairedStrings: Int = 0,
        ignoredFields: Int = 0
    ) {
        self.batch = batch
        self.rejections = rejections
        self.repairedStrings = repairedStrings
        self.ignoredFields = ignoredFields
    }

    /// The same about a batch made from this one.
    package func map<Other>(_ transform: (Batch) -> Other) -> Decoded<Other> {
        Decoded<Other>(
            batch: transform(batch), rejections: rejections, repairedStrings: repairedStrings,
            ignoredFields: ignoredFields)
    }

    /// Items refused, of all reasons: what `partial_success` reports.
    package var rejectedCount: Int { rejections.reduce(0) { $0 + $1.count } }

    /// One line for `partial_success.error_message`; empty if nothing was refused.
    package var rejectionMessage: String {
        rejections.map { "\($0.count) \($0.reason.rawValue) (first: \($0.example))" }
            .joined(separator: "; ")
    }
}
