import PromQL
import QueryCore
import Store
import Telemetry

/// Replays stored history: which alerts of some rules would have fired, when and for how long.
///
/// Every expression is evaluated over the whole range at once, recording rules that alerts read first;
/// their series hide stored ones of the same names. All groups are evaluated at multiples of their
/// interval, without the shifts by which a server spreads them.
package struct Backtest: Sendable {
    private let groups: [RuleGroup]
    private let store: any MetricStore
    private let sources: ReplaySources
    private let settings: RuleSettings

    /// A year every ten seconds; more is a mistake in the range.
    private static let evaluationsMax: Int64 = 3_200_000

    package init(
        _ groups: [RuleGroup], over store: any MetricStore,
        sources: ReplaySources = ReplaySources(), settings: RuleSettings = RuleSettings()
    ) {
        self.groups = groups
        self.store = store
        self.sources = sources
        self.settings = settings
    }

    /// - Parameters:
    ///   - from: first evaluation, in milliseconds since the epoch; what alerts need from before it is read.
    ///   - to: last evaluation.
    /// - Throws: if the range is too long, and what ends a query as a whole, such as its deadline. What is
    ///   wrong with one rule is reported with it.
    package func run(
        from: Int64, to: Int64, context: QueryContext
    ) throws(QueryError) -> BacktestReport {
        guard from < to else { throw .badData("the range to replay is empty") }
        let dependencies = RuleDependencies(groups, lookback: settings.query.lookback)
        let overlay = ReplayStore(over: store, hiding: dependencies.recordedNames)
        let starts = dependencies.starts(from: from)
        var failures = dependencies.refusals
        var report = BacktestReport(from: from, to: to)
        for index in dependencies.order {
            let member = dependencies.members[index]
            let broken = member.reads.lazy.compactMap { failures[$0.member] }.first
            if let broken, failures[index] == nil { failures[index] = broken }
            let replay = RuleReplay(
                member: member, store: overlay, sources: sources, settings: settings,
                context: context, start: starts[index] ?? from, end: to)
            var outcome = RuleOutcome(member)
            if failures[index] == nil {
                do throws(QueryError) {
                    try check(replay)
                    outcome.episodes = try replay.run(from: from)
                    if !member.rule.isRecording {
                        outcome.real = try RealFirings(over: store).episodes(
                            of: member.rule.name, from: from, to: to,
                            interval: member.group.interval ?? settings.defaultInterval)
                    }
                } catch {
                    guard error.endsOnlyTheRule else { throw error }
                    failures[index] = error.message
                }
            }
            outcome.failure = failures[index]
            outcome.evaluations = replay.evaluations
            report.add(outcome, isAlert: !member.rule.isRecording)
        }
        return report
    }

    private func check(_ replay: RuleReplay) throws(QueryError) {
        guard replay.evaluations <= Self.evaluationsMax else {
            throw .badData(
                "the range has \(replay.evaluations) evaluations, at most \(Self.evaluationsMax) can "
                    + "be replayed; take a shorter one")
        }
    }
}

extension QueryError {
    /// Whether others may still succeed.
    fileprivate var endsOnlyTheRule: Bool {
        switch kind {
        case .badData, .execution: true
        case .timeout, .canceled, .internal, .unavailable: false
        }
    }
}

/// What would have been.
package struct BacktestReport: Sendable {
    /// Milliseconds since the epoch.
    package var from: Int64
    package var to: Int64
    /// Alerting rules, in the order of their evaluation.
    package private(set) var alerts: [RuleOutcome] = []
    /// Recording rules that could not be evaluated.
    package private(set) var failedRecordings: [RuleOutcome] = []
    /// Of all rules together.
    package private(set) var evaluations: Int64 = 0

    init(from: Int64, to: Int64) {
        self.from = from
        self.to = to
    }

    mutating func add(_ outcome: RuleOutcome, isAlert: Bool) {
        evaluations += outcome.evaluations
        if isAlert {
            alerts.append(outcome)
        } else if outcome.failure != nil {
            failedRecordings.append(outcome)
        }
    }
}

/// A rule and what it would have done.
package struct RuleOutcome: Sendable {
    package var group: RuleGroupKey
    package var rule: String
    package var line: Int
    package var failure: String?
    package var evaluations: Int64 = 0
    /// By the time of firing.
    package var episodes: [AlertEpisode] = []
    /// What alerts of the name really did in the time, as far as their series are stored.
    package var real: [AlertEpisode] = []

    init(_ member: RuleDependencies.Member) {
        group = member.group.key
        rule = member.rule.name
        line = member.rule.query.line
    }
}

/// One firing of an alert. Times are milliseconds since the epoch.
package struct AlertEpisode: Sendable, Hashable {
    package var labels: Labels
    package var annotations: [Attribute]
    /// When the expression began to hold.
    package var activeAt: Int64
    package var firedAt: Int64
    /// `nil` if it was still firing at the end.
    package var resolvedAt: Int64?
    /// Of the evaluation at which it fired.
    package var value: Double
}
