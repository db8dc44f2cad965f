import PromQL
import QueryCore
import Store
import Telemetry

/// When an objective's alert holds: multi-window burn rates as in the SRE workbook, and that it is no
/// accident.
///
/// A window burns if its share of bad events is above factor · budget. The long window must, besides, hold
/// so many bad ones that a service within factor · budget would have them with a probability below 1 %
/// (exact binomial tail), and a page at least 2 % of the budget. A short window without events says nothing:
/// the next longer one with events decides in its place. A third way is loss that is slow and certain: over
/// the whole period more is bad than the budget allows, with the same certainty, and it goes on.
package struct BurnCondition: Sendable, Hashable {
    /// Highest probability of an accident.
    static let accident = 0.01
    /// Least share of the period's budget that a page is worth.
    static let pageShare = 0.02

    /// Of whose events it is about.
    let objective: String
    let counter: EventCounter
    /// Share of events that may be bad.
    let errorBudget: Double
    let pairs: [AlertWindows.Pair]
    let windows: AlertWindows
    let isPage: Bool
    /// Whether slow loss raises it, too.
    let tellsSlowLoss: Bool
    /// Labels of every element.
    let labels: [String: String]

    /// Burn rates by labels, of those that hold. Events during `exclusions` do not count.
    package func result(
        at time: Int64, without exclusions: [ClosedRange<Int64>], store: any MetricStore,
        options: PromQLOptions, context: QueryContext
    ) throws(QueryError) -> [VectorElement] {
        var counts = counts(
            at: time, without: exclusions,
            PromQLEngine(store: store, options: counter.counting(options)), context)
        return try holds(&counts).sorted { $0.key.comesBefore($1.key) }.map { own, ratio in
            VectorElement(
                labels: Labels(own.pairs + labels.map { (name: $0.key, value: $0.value) }),
                value: ratio)
        }
    }

    /// Events in the windows before `time`, counted when they are asked for.
    func counts(
        at time: Int64, without exclusions: [ClosedRange<Int64>], _ engine: PromQLEngine,
        _ context: QueryContext
    ) -> WindowCounts {
        WindowCounts { [counter] window throws(QueryError) in
            try counter.counts(over: window, at: time, without: exclusions, engine, context)
        }
    }

    /// The share of bad events in the long window, of what burns.
    package func holds(_ counts: inout WindowCounts) throws(QueryError) -> [Labels: Double] {
        var held: [Labels: Double] = [:]
        for pair in pairs {
            for (labels, long) in try counts.over(pair.long) where held[labels] == nil {
                guard let ratio = long.ratio, isCertain(long, factor: pair.factor),
                    try burnsStill(labels, pair, &counts), try isWorthIt(labels, long, &counts)
                else { continue }
                held[labels] = ratio
            }
        }
        guard tellsSlowLoss else { return held }
        for (labels, recent) in try counts.over(windows.ticketSlow.long) where held[labels] == nil {
            guard let ratio = recent.ratio, ratio > errorBudget,
                let whole = try counts.over(windows.period)[labels],
                isCertain(whole, factor: 1)
            else { continue }
            held[labels] = ratio
        }
        return held
    }

    /// Whether so much is bad, and no accident.
    private func isCertain(_ count: EventCounter.Count, factor: Double) -> Bool {
        let allowed = factor * errorBudget
        guard let ratio = count.ratio, ratio > allowed else { return false }
        return BinomialTail.atLeast(count.bad, of: count.all, share: allowed) < Self.accident
    }

    private func burnsStill(
        _ labels: Labels, _ pair: AlertWindows.Pair, _ counts: inout WindowCounts
    ) throws(QueryError) -> Bool {
        for window in windows.lengths where window >= pair.short && window < pair.long {
            guard let ratio = try counts.over(window)[labels]?.ratio else { continue }
            return ratio > pair.factor * errorBudget
        }
        return true
    }

    private func isWorthIt(
        _ labels: Labels, _ count: EventCounter.Count, _ counts: inout WindowCounts
    ) throws(QueryError) -> Bool {
        guard isPage, errorBudget > 0 else { return true }
        guard let all = try counts.over(windows.period)[labels]?.all else { return true }
        return count.bad >= Self.pageShare * errorBudget * all
    }
}

/// Events by window, each window counted at most once.
package struct WindowCounts {
    private var known: [Int64: [Labels: EventCounter.Count]] = [:]
    private let count: (Int64) throws(QueryError) -> [Labels: EventCounter.Count]

    package init(_ count: @escaping (Int64) throws(QueryError) -> [Labels: EventCounter.Count]) {
        self.count = count
    }

    mutating func over(_ window: Int64) throws(QueryError) -> [Labels: EventCounter.Count] {
        if let counts = known[window] { return counts }
        let counts = try count(window)
        known[window] = counts
        return counts
    }
}

extension ServiceLevelObjective {
    /// The alert's condition with its statistics; `nil` if the objective's queries do not count events.
    package func burnCondition(isPage: Bool) -> BurnCondition? {
        guard let counter = EventCounter(self) else { return nil }
        let identity = ["sloth_id": id, "sloth_slo": name, "sloth_service": service]
        return BurnCondition(
            objective: id, counter: counter, errorBudget: errorBudget,
            pairs: isPage
                ? [windows.pageQuick, windows.pageSlow]
                : [windows.ticketQuick, windows.ticketSlow],
            windows: windows, isPage: isPage, tellsSlowLoss: !isPage || ticket == nil,
            labels: identity.merging(labels) { $1 })
    }
}

extension RuleGroup {
    /// The alerts on burn rates with their statistics in place of bare thresholds.
    func weighed(for objective: ServiceLevelObjective) -> RuleGroup {
        var group = self
        if !objective.sources.isEmpty {
            group.events = GroupEvents(
                sources: objective.sources, period: objective.windows.period)
        }
        guard key.name == "sloth-slo-alerts-\(objective.id)" else { return group }
        for index in rules.indices {
            guard case .alerting(var alert) = rules[index] else { continue }
            let severity = alert.labels.last { $0.name == "sloth_severity" }?.value.fixedText
            guard severity == "page" || severity == "ticket",
                let condition = objective.burnCondition(isPage: severity == "page")
            else { continue }
            alert.query.source = .burnRate(condition)
            group.rules[index] = .alerting(alert)
        }
        return group
    }
}
