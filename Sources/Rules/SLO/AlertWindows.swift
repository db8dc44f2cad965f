import PromQL

/// The windows of multi-window, multi-burn-rate alerts over one period (Google SRE workbook, "Alerting
/// on SLOs"): four pairs of windows with the share of the budget that each may burn.
package struct AlertWindows: Sendable, Hashable {
    /// Two windows that must both burn too fast: the long one for certainty, the short one so that the
    /// alert ends soon after its cause.
    package struct Pair: Sendable, Hashable {
        /// Milliseconds.
        package var short: Int64
        /// Milliseconds.
        package var long: Int64
        /// Times as fast as the budget lasts for the period exactly.
        package var factor: Double

        package init(short: Int64, long: Int64, factor: Double) {
            self.short = short
            self.long = long
            self.factor = factor
        }
    }

    /// Milliseconds.
    package var period: Int64
    package var pageQuick: Pair
    package var pageSlow: Pair
    package var ticketQuick: Pair
    package var ticketSlow: Pair

    /// All windows, shortest first, none twice.
    package var lengths: [Int64] {
        Set([pageQuick, pageSlow, ticketQuick, ticketSlow].flatMap { [$0.short, $0.long] }).sorted()
    }

    private static let minute: Int64 = 60_000
    private static let hour: Int64 = 3_600_000
    static let day: Int64 = 86_400_000

    /// The factor that burns `percent` of the budget of `period` within `long`, in the order in which
    /// Sloth computes it: the last digits show in the rules.
    static func factor(percent: Double, period: Int64, long: Int64) -> Double {
        percent * (Double(period) / Double(hour)) / 100 / (Double(long) / Double(hour))
    }

    /// The workbook's windows, which Sloth has for 28 and 30 days: 2 % of the budget in an hour, 5 % in
    /// six, 10 % in a day and 10 % in three days.
    package static func workbook(period: Int64) -> AlertWindows {
        func pair(_ short: Int64, _ long: Int64, _ percent: Double) -> Pair {
            Pair(
                short: short, long: long,
                factor: factor(percent: percent, period: period, long: long))
        }
        return AlertWindows(
            period: period, pageQuick: pair(5 * minute, hour, 2),
            pageSlow: pair(30 * minute, 6 * hour, 5), ticketQuick: pair(2 * hour, day, 10),
            ticketSlow: pair(6 * hour, 3 * day, 10))
    }

    /// Pyrra's: fixed factors, and windows that grow with the period, to the minute.
    package static func pyrra(period: Int64) -> AlertWindows {
        func share(_ part: Int64) -> Int64 {
            let length = period / part
            return max(minute, (length + minute / 2) / minute * minute)
        }
        return AlertWindows(
            period: period,
            pageQuick: Pair(short: share(28 * 24 * 12), long: share(28 * 24), factor: 14),
            pageSlow: Pair(short: share(28 * 24 * 2), long: share(28 * 4), factor: 7),
            ticketQuick: Pair(short: share(28 * 12), long: share(28), factor: 2),
            ticketSlow: Pair(short: share(28 * 4), long: share(7), factor: 1))
    }
}

/// The windows by period: those that are known, and those that files bring along.
struct AlertWindowCatalog {
    private var byPeriod: [Int64: AlertWindows] = [:]

    init() {
        for days: Int64 in [28, 30] {
            let period = days * AlertWindows.day
            byPeriod[period] = .workbook(period: period)
        }
    }

    /// Takes up a document of kind `AlertWindows`.
    mutating func read(_ document: YAMLNode) throws(RuleFileError) {
        let root = try document.fields(["apiVersion", "kind", "spec"])
        let spec = try root.required("spec", of: document)
        let fields = try spec.fields(["sloPeriod", "page", "ticket"])
        let periodNode = try fields.required("sloPeriod", of: spec)
        let period = try periodNode.duration()
        guard period > 0 else { throw periodNode.failure("sloPeriod must be longer than 0") }
        let page = try pairs(try fields.required("page", of: spec), period)
        let ticket = try pairs(try fields.required("ticket", of: spec), period)
        byPeriod[period] = AlertWindows(
            period: period, pageQuick: page.quick, pageSlow: page.slow,
            ticketQuick: ticket.quick, ticketSlow: ticket.slow)
    }

    private func pairs(
        _ node: YAMLNode, _ period: Int64
    ) throws(RuleFileError) -> (quick: AlertWindows.Pair, slow: AlertWindows.Pair) {
        let fields = try node.fields(["quick", "slow"])
        return (
            try pair(try fields.required("quick", of: node), period),
            try pair(try fields.required("slow", of: node), period)
        )
    }

    private func pair(
        _ node: YAMLNode, _ period: Int64
    ) throws(RuleFileError) -> AlertWindows.Pair {
        let fields = try node.fields(["errorBudgetPercent", "shortWindow", "longWindow"])
        let percentNode = try fields.required("errorBudgetPercent", of: node)
        let percent = try percentNode.number()
        guard percent > 0, percent <= 100 else {
            throw percentNode.failure("errorBudgetPercent must be above 0 and at most 100")
        }
        let short = try fields.required("shortWindow", of: node).duration()
        let long = try fields.required("longWindow", of: node).duration()
        guard short > 0, short < long, long < period else {
            throw node.failure(
                "shortWindow must be longer than 0 and shorter than longWindow, and that shorter "
                    + "than sloPeriod")
        }
        return AlertWindows.Pair(
            short: short, long: long,
            factor: AlertWindows.factor(percent: percent, period: period, long: long))
    }

    func known(for period: Int64) -> AlertWindows? { byPeriod[period] }

    /// - Parameter node: where the period is asked for, for the complaint.
    func windows(for period: Int64, at node: YAMLNode) throws(RuleFileError) -> AlertWindows {
        if let windows = byPeriod[period] { return windows }
        let known = byPeriod.keys.sorted().map { PromQLDuration.format(milliseconds: $0) }
        throw node.failure(
            "there are no alert windows for a period of "
                + "\(PromQLDuration.format(milliseconds: period)), only for "
                + "\(known.joined(separator: ", ")); a document of kind AlertWindows "
                + "(sloth.slok.dev/v1) beside the specs brings others")
    }
}
