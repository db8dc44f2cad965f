/// Why the pipeline refused items. Raw values are label values of our own metrics and stand in
/// partial-success messages, so they never change.
package enum RefusalReason: String, Sendable, CaseIterable {
    case tooFarInFuture = "too_far_in_future"
    case endTooFarInFuture = "end_too_far_in_future"
    case beforeRetention = "before_retention"
    case textTooLong = "text_too_long"
    case labelTooLong = "label_too_long"
    case tooManyLabels = "too_many_labels"
}

/// Items of one batch that were refused for the same reason.
package struct Refusal: Sendable, Hashable {
    package var reason: RefusalReason
    package var count: Int
    /// The first of them, described for the person who has to find it.
    package var example: String
}

/// Counts refusals by reason; only the first of each reason is described.
package struct RefusalTally: Sendable {
    package private(set) var refusals: [Refusal] = []
    /// Texts that were cut in items that were not refused.
    package var cutTexts = 0
    /// Of the batch as it came, where the stage tells them: why each was refused.
    package private(set) var rows: [Int: RefusalReason] = [:]

    package init() {}

    /// - Parameter row: of the batch as it came.
    mutating func add(
        _ reason: RefusalReason, row: Int, example: @autoclosure () -> String
    ) {
        rows[row] = reason
        add(reason, example: example())
    }

    package mutating func add(
        _ reason: RefusalReason, count: Int = 1, example: @autoclosure () -> String
    ) {
        if let index = refusals.firstIndex(where: { $0.reason == reason }) {
            refusals[index].count += count
        } else {
            refusals.append(Refusal(reason: reason, count: count, example: example()))
        }
    }

    package var count: Int { refusals.reduce(0) { $0 + $1.count } }
}
