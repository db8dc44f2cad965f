import PromQL
import QueryCore
import Store
import Telemetry

/// What an objective's own counters tell of its bad events where there are no spans of them: since when they
/// happen, and of which route and version they are.
struct CounterEvidence {
    /// Labels that proxies and libraries give their counters of requests, the plainest first.
    private static let routeLabels = [
        "http_route", "route", "handler", "path", "request_path", "url_template", "uri", "endpoint",
        "rpc_method", "grpc_method", "span_name",
    ]
    private static let versionLabels = [
        "destination_version", "service_version", "version", "app_version",
        "destination_canonical_revision",
    ]
    /// Lengths of buckets and how far back they reach, in milliseconds; the longer ones where samples are rare.
    private static let looks: [(step: Int64, back: Int64)] = [
        (60_000, 10_800_000), (300_000, 21_600_000),
    ]
    /// What shares are of, in milliseconds: the events since the change, else of an hour.
    private static let hour: Int64 = 3_600_000
    private static let windows: ClosedRange<Int64> = 300_000...21_600_000

    private let counter: EventCounter
    private let engine: PromQLEngine
    /// Of the alert.
    private let labels: Labels

    /// `nil` if the objective's queries do not count events.
    init?(_ objective: ServiceLevelObjective, _ labels: Labels, _ metrics: any MetricStore) {
        guard let counter = EventCounter(objective) else { return nil }
        self.counter = counter
        self.labels = labels
        engine = PromQLEngine(store: metrics, options: objective.counting(PromQLOptions()))
    }

    func note(
        _ evidence: inout AlertEvidence, at now: Timestamp, _ context: QueryContext
    ) throws(QueryError) {
        evidence.change = try change(at: now.milliseconds, context)
        let since = evidence.change.map { now.milliseconds - $0.at.milliseconds } ?? Self.hour
        let window = min(max(since, Self.windows.lowerBound), Self.windows.upperBound)
        let counts = try counter.counts(over: window, at: now.milliseconds, engine, context)
        evidence.badCount = counts.filter { isOwn($0.key) }.values.reduce(0) { $0 + $1.bad }
        guard evidence.badCount > 0 else { return }
        let text = counter.error.text(window: window)
        guard
            let parted = try PromQLEngine.parse(text).summed(
                by: Self.routeLabels + Self.versionLabels),
            case .vector(_, let found) = try engine.instant(
                parted.description, at: now.milliseconds, context: context
            ).value
        else { return }
        let own = found.filter { isOwn($0.labels) && $0.value > 0 }.map { ($0.labels, $0.value) }
        evidence.route = Self.top(own, Self.routeLabels)
        evidence.version = Self.top(own, Self.versionLabels)
    }

    /// Whether a series is the alert's, as far as both have the same labels.
    private func isOwn(_ series: Labels) -> Bool {
        series.pairs.allSatisfy { labels[$0.name] == nil || labels[$0.name] == $0.value }
    }

    /// The value of the first of `names` that the bad events have, with its share of them all.
    private static func top(
        _ bad: [(labels: Labels, count: Double)], _ names: [String]
    ) -> AlertEvidence.Share? {
        let all = bad.reduce(0) { $0 + $1.count }
        for name in names {
            var counts: [String: Double] = [:]
            for (labels, count) in bad {
                if let value = labels[name], !value.isEmpty { counts[value, default: 0] += count }
            }
            let top = counts.max {
                $0.value == $1.value ? $0.key > $1.key : $0.value < $1.value
            }
            if let top { return AlertEvidence.Share(name: top.key, share: top.value / all) }
        }
        return nil
    }

    // MARK: Since when

    private func change(
        at now: Int64, _ context: QueryContext
    ) throws(QueryError) -> AlertEvidence.Change? {
        for (step, back) in Self.looks {
            // Buckets end at multiples, so that asking again finds the same.
            let end = now / step * step
            let steps = try EvaluationSteps(
                start: end - back + step, end: end, step: step, countMax: context.limits.stepsMax)
            let all = try buckets(counter.total, steps, context)
            guard all.contains(where: { $0 > 0 }) else { continue }
            let bad = try buckets(counter.error, steps, context)
            guard let change = ChangePoint(bad: bad, all: all) else { continue }
            return AlertEvidence.Change(
                at: Timestamp(milliseconds: steps.time(change.bucket) - step),
                before: change.before, after: change.after)
        }
        return nil
    }

    /// Events of the alert's series in the step before each instant.
    private func buckets(
        _ query: WindowQuery, _ steps: EvaluationSteps, _ context: QueryContext
    ) throws(QueryError) -> [Double] {
        let result = try engine.range(
            query.text(window: steps.step), start: steps.start, end: steps.end, step: steps.step,
            context: context)
        var buckets = [Double](repeating: 0, count: steps.count)
        guard case .matrix(_, let series) = result.value else { return buckets }
        for one in series where isOwn(one.labels) {
            for (index, value) in one.values.enumerated()
            where StepValue.isPresent(value) && value.isFinite {
                buckets[index] += max(0, counter.unit.events(value, window: steps.step))
            }
        }
        return buckets
    }
}

extension Expression {
    /// The same sum, by these labels as well; `nil` if it is none.
    fileprivate func summed(by labels: [String]) -> Expression? {
        switch self {
        case .parenthesized(var node):
            guard let inner = node.inner.summed(by: labels) else { return nil }
            node.inner = inner
            return .parenthesized(node)
        case .aggregation(var node):
            guard node.operator == .sum, case .by(let own) = node.grouping else { return nil }
            node.grouping = .by(own + labels.filter { !own.contains($0) })
            return .aggregation(node)
        case .binary(var node):
            guard let left = node.left.summed(by: labels) else { return nil }
            // `or vector(0)` stands for what is not there.
            if node.operator.rawValue == "or" { return left }
            guard node.operator.rawValue == "-" || node.operator.rawValue == "+",
                let right = node.right.summed(by: labels)
            else { return nil }
            node.left = left
            node.right = right
            return .binary(node)
        default: return nil
        }
    }
}
