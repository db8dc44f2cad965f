import PromQL
import QueryCore
import Store
import Telemetry

/// When a budget will be spent if events go on as in the last hours, with what chance may do to it.
package struct BudgetForecast: Sendable, Hashable {
    /// Window whose speed is taken, in milliseconds.
    package var window: Int64
    /// Milliseconds until nothing is left, at the speed seen; `nil`: not at this speed.
    package var expected: Double?
    /// At the highest and at the lowest speed that the events of the window do not contradict (Wilson score
    /// interval of 95 %).
    package var earliest: Double?
    package var latest: Double?

    /// Of a normal distribution, two-sided 95 %.
    private static let z = 1.959964

    /// - Parameters:
    ///   - recent: bad and all events of the window.
    ///   - remaining: share of the budget that is left, above 0.
    ///   - period: of the objective, in milliseconds.
    package init(
        _ recent: EventCounter.Count, over window: Int64, remaining: Double, errorBudget: Double,
        period: Int64
    ) {
        self.window = window
        guard remaining > 0, errorBudget > 0, recent.all > 0 else { return }
        func time(at share: Double) -> Double? {
            share > 0 ? remaining * Double(period) * errorBudget / share : nil
        }
        let interval = Self.wilson(recent)
        expected = time(at: recent.bad / recent.all)
        earliest = time(at: interval.upperBound)
        latest = time(at: interval.lowerBound)
    }

    /// The shares that so many bad ones of so many are likely to come from.
    static func wilson(_ count: EventCounter.Count) -> ClosedRange<Double> {
        let share = min(1, count.bad / count.all)
        let squared = z * z / count.all
        let centre = (share + squared / 2) / (1 + squared)
        let half =
            z / (1 + squared)
            * (share * (1 - share) / count.all + squared / (4 * count.all)).squareRoot()
        // What rounding leaves of a bound that is 0 is none.
        let low = count.bad > 0 ? max(0, centre - half) : 0
        return low...min(1, max(low, centre + half))
    }
}

extension ErrorBudget {
    /// By labels, of the series that have budget left; empty if the objective's queries do not count events.
    package func forecasts(
        _ readings: [Reading], at time: Int64, context: QueryContext
    ) throws(QueryError) -> [Labels: BudgetForecast] {
        guard let counter = EventCounter(objective) else { return [:] }
        let windows = objective.windows
        let engine = PromQLEngine(store: store, options: options)
        let recent = try counter.counts(over: windows.pageSlow.long, at: time, engine, context)
        var forecasts: [Labels: BudgetForecast] = [:]
        for reading in readings {
            guard let ratio = reading.errorRatio, let count = recent[reading.labels] else {
                continue
            }
            forecasts[reading.labels] = BudgetForecast(
                count, over: windows.pageSlow.long, remaining: remaining(ratio),
                errorBudget: objective.errorBudget, period: windows.period)
        }
        return forecasts
    }

    /// The first moment of the period from which events are known, in milliseconds, to an hour where their
    /// samples stand closer than that, else to a day; `nil` if none are.
    package func coverage(at time: Int64, context: QueryContext) throws(QueryError) -> Int64? {
        let day = AlertWindows.day
        let query: WindowQuery
        switch objective.indicator {
        case .raw(let ratio): query = ratio
        case .events(_, let total): query = total
        }
        let steps = max(1, (objective.periodLength(at: time) + day - 1) / day)
        guard
            let onDay = try firstEvents(
                query, from: time - (steps - 1) * day, to: time, each: day, context)
        else { return nil }
        let hour = day / 24
        return try firstEvents(query, from: onDay + hour, to: onDay + day, each: hour, context)
            ?? onDay
    }

    /// Where the first window with events begins; all in milliseconds.
    private func firstEvents(
        _ query: WindowQuery, from start: Int64, to end: Int64, each window: Int64,
        _ context: QueryContext
    ) throws(QueryError) -> Int64? {
        // Window by window: mostly the first has some, and where there are none asking costs little.
        for time in stride(from: start, through: end, by: Int64.Stride(window)) {
            try context.check()
            let found = try values(query.text(window: window), at: time, context)
            if found.values.contains(where: { !$0.isNaN && $0 != 0 }) { return time - window }
        }
        return nil
    }
}
