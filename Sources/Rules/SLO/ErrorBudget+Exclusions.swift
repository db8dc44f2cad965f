import PromQL
import QueryCore
import Store
import Telemetry

extension ErrorBudget {
    /// The share of bad events by labels over a window, without what happened during `exclusions`.
    /// - Throws: `bad_data` if the objective's queries do not count events: of shares nothing can be taken
    ///   away.
    func correctedRatios(
        over window: Int64, at time: Int64, _ context: QueryContext
    ) throws(QueryError) -> [Labels: Double?] {
        guard let counter = EventCounter(objective) else {
            throw .badData(
                "incidents can be excluded only from objectives that count events, and "
                    + "\(objective.id) asks for a ratio")
        }
        return try counter.counts(
            over: window, at: time, without: exclusions,
            PromQLEngine(store: store, options: options), context
        ).mapValues(\.ratio)
    }

    /// The series that a page would fire for now, with its statistics where the objective counts events.
    package func paging(
        _ readings: [Reading], at time: Int64, _ context: QueryContext
    ) throws(QueryError) -> Set<Labels> {
        guard let condition = objective.burnCondition(isPage: true) else {
            let windows = objective.windows
            let burning = readings.filter {
                $0.burns(windows.pageQuick) || $0.burns(windows.pageSlow)
            }
            return Set(burning.map(\.labels))
        }
        var counts = condition.counts(
            at: time, without: exclusions, PromQLEngine(store: store, options: options), context)
        return Set(try condition.holds(&counts).keys)
    }

    /// What was left of the budget at each step, asked for one by one: without what happened during
    /// `exclusions`, over the period that the calendar says.
    func steppedHistory(
        _ steps: EvaluationSteps, _ context: QueryContext
    ) throws(QueryError) -> [History] {
        var points: [Labels: [(time: Int64, remaining: Double?)]] = [:]
        for index in 0..<steps.count {
            try context.check()
            let time = steps.time(index)
            let ratios = try ratios(over: objective.periodLength(at: time), at: time, context)
            for (labels, ratio) in ratios {
                points[labels, default: []].append((time, ratio.map { remaining($0) }))
            }
        }
        return points.sorted { $0.key.comesBefore($1.key) }.map {
            History(labels: $0.key, points: $0.value)
        }
    }

}

extension EventCounter {
    /// The events in the window before `time` without those during `exclusions`; all in milliseconds.
    func counts(
        over window: Int64, at time: Int64, without exclusions: [ClosedRange<Int64>],
        _ engine: PromQLEngine, _ context: QueryContext
    ) throws(QueryError) -> [Labels: Count] {
        var counts = try counts(over: window, at: time, engine, context)
        if exclusions.isEmpty { return counts }
        for range in Self.merged(exclusions) {
            let start = max(range.lowerBound, time - window)
            let end = min(range.upperBound, time)
            guard start < end else { continue }
            for (labels, excluded) in try self.counts(
                over: end - start, at: end, engine, context)
            {
                guard let count = counts[labels] else { continue }
                let all = max(0, count.all - excluded.all)
                counts[labels] = Count(bad: min(all, max(0, count.bad - excluded.bad)), all: all)
            }
        }
        // Less than half an event is what extrapolation leaves of none.
        return counts.mapValues { $0.all < 0.5 ? Count(bad: 0, all: 0) : $0 }
    }

    /// Without overlaps: nothing is taken away twice.
    static func merged(_ ranges: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
        var merged: [ClosedRange<Int64>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] =
                    last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}
