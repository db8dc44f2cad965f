import PromQL
import QueryCore
import Store
import Telemetry

/// How much of an objective's budget is left, computed from the events themselves: bad ones against all
/// ones over the whole period, each counted once, as far back as there are samples. No recorded series is
/// needed, so that an objective has its history from the moment it is written down.
package struct ErrorBudget: Sendable {
    /// The budget of one series of the objective's query: of one route, say.
    package struct Reading: Sendable {
        package var labels: Labels
        /// Share of bad events over the period; `nil` without events, which is neither good nor bad.
        package var errorRatio: Double?
        /// Burn rates by window in milliseconds: 1 spends the budget over the period exactly.
        package var burnRates: [(window: Int64, rate: Double?)]

        package init(
            labels: Labels, errorRatio: Double?, burnRates: [(window: Int64, rate: Double?)]
        ) {
            self.labels = labels
            self.errorRatio = errorRatio
            self.burnRates = burnRates
        }
    }

    /// Values over time; `nil` where there were no events.
    package struct History: Sendable {
        package var labels: Labels
        package var points: [(time: Int64, remaining: Double?)]
    }

    package let objective: ServiceLevelObjective
    let store: any MetricStore
    /// First samples of counters count.
    let options: PromQLOptions
    /// Times whose events do not count, in milliseconds since the epoch.
    package var exclusions: [ClosedRange<Int64>] = []

    package init(
        of objective: ServiceLevelObjective, over store: any MetricStore,
        options: PromQLOptions = PromQLOptions()
    ) {
        self.objective = objective
        self.store = store
        self.options = objective.counting(options)
    }

    /// The share of the budget that is left when `ratio` of all events were bad: 1 is all of it, below 0
    /// more than there was.
    package func remaining(_ ratio: Double) -> Double {
        // An objective of 100 % has no budget: the first bad event overspends it without bound.
        guard objective.errorBudget > 0 else { return ratio > 0 ? -.infinity : 1 }
        return 1 - ratio / objective.errorBudget
    }

    /// The state at `time`, in milliseconds since the epoch.
    package func readings(at time: Int64, context: QueryContext) throws(QueryError) -> [Reading] {
        let windows = objective.windows
        let ratios = try ratios(over: objective.periodLength(at: time), at: time, context)
        var byLabels: [Labels: Reading] = [:]
        for (labels, ratio) in ratios {
            byLabels[labels] = Reading(labels: labels, errorRatio: ratio, burnRates: [])
        }
        for window in windows.lengths {
            let found = try self.ratios(over: window, at: time, context)
            for labels in found.keys where byLabels[labels] == nil {
                byLabels[labels] = Reading(
                    labels: labels, errorRatio: nil,
                    burnRates: [])
            }
            for labels in byLabels.keys {
                let rate = (found[labels] ?? nil).map { burnRate($0) }
                byLabels[labels]?.burnRates.append((window, rate))
            }
        }
        return byLabels.values.sorted { $0.labels.comesBefore($1.labels) }
    }

    private func burnRate(_ ratio: Double) -> Double {
        guard objective.errorBudget > 0 else { return ratio > 0 ? .infinity : 0 }
        return ratio / objective.errorBudget
    }

    /// The share of bad events by labels. Where there are events and no series of bad ones, none were
    /// bad; where there are no events there is no share.
    func ratios(
        over window: Int64, at time: Int64, _ context: QueryContext
    ) throws(QueryError) -> [Labels: Double?] {
        if !exclusions.isEmpty { return try correctedRatios(over: window, at: time, context) }
        switch objective.indicator {
        case .raw(let query):
            return try values(query.text(window: window), at: time, context)
                .mapValues { $0.isNaN ? nil : $0 }
        case .events(let error, let total):
            let bad = try values(error.text(window: window), at: time, context)
            return try values(total.text(window: window), at: time, context).reduce(into: [:]) {
                $0[$1.key] = $1.value > 0 ? (bad[$1.key] ?? 0) / $1.value : .some(nil)
            }
        }
    }

    func values(
        _ query: String, at time: Int64, _ context: QueryContext
    ) throws(QueryError) -> [Labels: Double] {
        let engine = PromQLEngine(store: store, options: options)
        switch try engine.instant(query, at: time, context: context).value {
        case .vector(_, let elements):
            return Dictionary(elements.map { ($0.labels, $0.value) }) { $1 }
        case .scalar(_, let value): return [.empty: value]
        case .string, .matrix, .samples: return [:]
        }
    }

    /// What was left of the budget over time, each point over the whole period before it.
    package func history(
        from start: Int64, to end: Int64, step: Int64, context: QueryContext
    ) throws(QueryError) -> [History] {
        let steps = try EvaluationSteps(
            start: start, end: end, step: step, countMax: context.limits.stepsMax)
        let period = objective.windows.period
        var ratios: [Labels: [Double?]] = [:]
        if !exclusions.isEmpty || objective.calendar != nil {
            return try steppedHistory(steps, context)
        }
        switch objective.indicator {
        case .raw(let query):
            ratios = try columns(query.text(window: period), steps, context)
        case .events(let error, let total):
            let bad = try columns(error.text(window: period), steps, context)
            let all = try columns(total.text(window: period), steps, context)
            for (labels, events) in all {
                ratios[labels] = events.indices.map { step in
                    guard let count = events[step], count > 0 else { return nil }
                    return (bad[labels]?[step] ?? 0) / count
                }
            }
        }
        return ratios.sorted { $0.key.comesBefore($1.key) }.map { labels, values in
            History(
                labels: labels,
                points: values.enumerated().map { (steps.time($0), $1.map { remaining($0) }) })
        }
    }

    /// Values by step; `nil` where there are none.
    private func columns(
        _ query: String, _ steps: EvaluationSteps, _ context: QueryContext
    ) throws(QueryError) -> [Labels: [Double?]] {
        let engine = PromQLEngine(store: store, options: options)
        let result = try engine.range(
            query, start: steps.start, end: steps.end, step: steps.step, context: context)
        guard case .matrix(_, let series) = result.value else { return [:] }
        return Dictionary(
            series.map { entry in
                let values = entry.values.map { value in
                    StepValue.isPresent(value) && !value.isNaN ? value : nil
                }
                return (entry.labels, values)
            }
        ) { $1 }
    }
}

extension ErrorBudget.Reading {
    /// Whether both windows of a pair burn faster than it allows.
    package func burns(_ pair: AlertWindows.Pair) -> Bool {
        [pair.short, pair.long].allSatisfy { window in
            (burnRates.first { $0.window == window }?.rate).map { $0 > pair.factor } ?? false
        }
    }

    /// Milliseconds until nothing is left at the speed of the pages' slow window; `nil` if that is not
    /// foreseeable: without events, without errors, or with nothing left.
    package func exhaustion(of budget: ErrorBudget) -> Double? {
        let windows = budget.objective.windows
        guard let ratio = errorRatio, budget.remaining(ratio) > 0,
            let rate = burnRates.first(where: { $0.window == windows.pageSlow.long })?.rate,
            rate > 0, rate.isFinite
        else { return nil }
        return budget.remaining(ratio) * Double(windows.period) / rate
    }
}
