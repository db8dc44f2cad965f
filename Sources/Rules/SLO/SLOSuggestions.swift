import PromQL
import QueryCore
import Store
import Telemetry

/// An objective that a service's traffic would have kept, with what it would have cost in pages.
package struct SLOSuggestion: Sendable {
    package enum Kind: String, Sendable {
        case availability, latency
    }

    package var service: String
    package var kind: Kind
    /// In percent.
    package var objective: Double
    /// Seconds within which a request is good, for latency.
    package var latencyBound: Double?
    /// Events seen, and how many of them were bad.
    package var events: Double
    package var bad: Double
    /// Pages that the objective's alert would have sent in the time looked at.
    package var pages: Int
    /// Milliseconds looked at.
    package var period: Int64
    /// Sloth's `prometheus/v1`, to be taken as it is by `serve --slos` and `slo generate`.
    package var specification: String
}

/// Suggests objectives from request counters: of proxies (Istio's names) and of span metrics.
package struct SLOSuggestions: Sendable {
    private let store: any MetricStore
    private let options: PromQLOptions

    /// Objectives worth having, strictest first.
    private static let ladder = [99.99, 99.95, 99.9, 99.5, 99, 98, 95]
    /// Share of the budget that the past may have used: less would suggest what breaks next month.
    private static let budgetUsedMax = 0.5
    /// Fewer events say nothing about an objective.
    private static let eventsMin = 100.0
    /// Between evaluations of the replay, in milliseconds.
    private static let step: Int64 = 300_000

    package init(over store: any MetricStore, options: PromQLOptions = PromQLOptions()) {
        self.store = store
        self.options = options
    }

    /// For the busiest services, at most `limit` of them.
    /// - Parameters:
    ///   - time: milliseconds since the epoch.
    ///   - period: milliseconds to look back.
    package func suggest(
        at time: Int64, period: Int64, limit: Int, context: QueryContext
    ) throws(QueryError) -> [SLOSuggestion] {
        let engine = PromQLEngine(store: store, options: options)
        let window = PromQLDuration.format(milliseconds: period)
        var taken: Set<String> = []
        var suggestions: [SLOSuggestion] = []
        for family in RequestFamily.all {
            let query = "topk(\(limit), \(family.total(nil, window)))"
            let found = try engine.instant(query, at: time, context: context)
            guard case .vector(_, let elements) = found.value else { continue }
            for element in elements where taken.count < limit {
                guard let name = element.labels[family.serviceLabel], name.isSafeName,
                    element.value >= Self.eventsMin, taken.insert(name).inserted
                else { continue }
                for kind in [SLOSuggestion.Kind.availability, .latency] {
                    if let one = try suggest(family, name, kind, time, period, context) {
                        suggestions.append(one)
                    }
                }
            }
        }
        return suggestions
    }

    private func suggest(
        _ family: RequestFamily, _ service: String, _ kind: SLOSuggestion.Kind, _ time: Int64,
        _ period: Int64, _ context: QueryContext
    ) throws(QueryError) -> SLOSuggestion? {
        let window = PromQLDuration.format(milliseconds: period)
        var bound: RequestFamily.Bound?
        if kind == .latency {
            bound = try self.bound(family, service, window, time, context)
            guard bound != nil else { return nil }
        }
        let error =
            bound.map { family.slow(service, $0, "{{.window}}") }
            ?? family.failed(service, "{{.window}}")
        let total =
            bound.map { _ in family.measured(service, "{{.window}}") }
            ?? family.total(service, "{{.window}}")
        func specification(_ objective: Double) -> String {
            SuggestedSpecification(
                service: service, kind: kind, objective: objective, bound: bound?.seconds,
                error: error, total: total
            ).text
        }
        func read(_ objective: Double) -> ServiceLevelObjective? {
            SLOFiles.parse([("suggestion", specification(objective))], period: Self.month)
                .objectives.first
        }
        guard let strictest = read(Self.ladder[0]), let counter = EventCounter(strictest)
        else { return nil }
        let engine = PromQLEngine(store: store, options: options)
        let whole = try counter.counts(over: period, at: time, engine, context)
        guard let count = whole.values.first, let ratio = count.ratio, count.all >= Self.eventsMin
        else { return nil }
        let replay = try PageReplay(
            counter, strictest.windows, from: time - period, to: time, step: Self.step,
            whole: count,
            engine, context)
        for percent in Self.ladder {
            guard let objective = read(percent),
                let condition = objective.burnCondition(isPage: true),
                ratio <= Self.budgetUsedMax * objective.errorBudget
            else { continue }
            let pages = try replay.pages(condition)
            // Not more than one a month, and the last of the ladder as it is.
            guard
                Int64(pages) * Self.month <= max(period, Self.month) || percent == Self.ladder.last
            else { continue }
            return SLOSuggestion(
                service: service, kind: kind, objective: percent, latencyBound: bound?.seconds,
                events: count.all, bad: count.bad, pages: pages, period: period,
                specification: specification(percent))
        }
        return nil
    }

    private static let month: Int64 = 30 * 86_400_000

    /// The lowest bound of the histogram that 99.5 % of the requests kept.
    private func bound(
        _ family: RequestFamily, _ service: String, _ window: String, _ time: Int64,
        _ context: QueryContext
    ) throws(QueryError) -> RequestFamily.Bound? {
        let engine = PromQLEngine(store: store, options: options)
        let found = try engine.instant(
            family.buckets(service, window), at: time, context: context)
        guard case .vector(_, let elements) = found.value else { return nil }
        let buckets = elements.compactMap { element -> (Double, String, Double)? in
            guard let text = element.labels["le"], let bound = Double(text) else { return nil }
            return (bound, text, element.value)
        }.sorted { $0.0 < $1.0 }
        guard let all = buckets.last, all.0 == .infinity, all.2 >= Self.eventsMin,
            let kept = buckets.first(where: { $0.2 >= 0.995 * all.2 }), kept.0.isFinite
        else { return nil }
        return RequestFamily.Bound(label: kept.1, seconds: kept.0 / family.unitsPerSecond)
    }
}

/// Counters of requests with their labels.
struct RequestFamily {
    struct Bound {
        var label: String
        var seconds: Double
    }

    let requests: String
    let latency: String
    let serviceLabel: String
    /// Of all requests that the service answered.
    let matchers: String
    let failed: String
    let unitsPerSecond: Double

    static let all = [
        RequestFamily(
            requests: "istio_requests_total", latency: "istio_request_duration_milliseconds",
            serviceLabel: "destination_service", matchers: "reporter=\"destination\"",
            failed: "response_code=~\"5..\"", unitsPerSecond: 1_000),
        RequestFamily(
            requests: "traces_spanmetrics_calls_total", latency: "traces_spanmetrics_latency",
            serviceLabel: "service", matchers: "span_kind=\"SPAN_KIND_SERVER\"",
            failed: "status_code=\"STATUS_CODE_ERROR\"", unitsPerSecond: 1),
        RequestFamily(
            requests: "traces_span_metrics_calls_total",
            latency: "traces_span_metrics_duration_milliseconds", serviceLabel: "service_name",
            matchers: "span_kind=\"SPAN_KIND_SERVER\"", failed: "status_code=\"STATUS_CODE_ERROR\"",
            unitsPerSecond: 1_000),
    ]

    private func selector(_ metric: String, _ service: String?, _ more: String = "") -> String {
        var all = [matchers]
        if let service { all.append("\(serviceLabel)=\"\(service)\"") }
        if !more.isEmpty { all.append(more) }
        return "\(metric){\(all.joined(separator: ","))}"
    }

    /// Of one service, or by service.
    func total(_ service: String?, _ window: String) -> String {
        let sum = service == nil ? "sum by (\(serviceLabel)) " : "sum"
        return "\(sum)(increase(\(selector(requests, service))[\(window)]))"
    }

    func failed(_ service: String, _ window: String) -> String {
        "sum(increase(\(selector(requests, service, failed))[\(window)]))"
    }

    func measured(_ service: String, _ window: String) -> String {
        "sum(increase(\(selector(latency + "_count", service))[\(window)]))"
    }

    func slow(_ service: String, _ bound: Bound, _ window: String) -> String {
        let good = selector(latency + "_bucket", service, "le=\"\(bound.label)\"")
        return "\(measured(service, window)) - sum(increase(\(good)[\(window)]))"
    }

    func buckets(_ service: String, _ window: String) -> String {
        "sum by (le) (increase(\(selector(latency + "_bucket", service))[\(window)]))"
    }
}

/// Events of all windows of the pages over time, and when a condition would have held.
private struct PageReplay {
    private var counts: [Int64: [EventCounter.Count?]] = [:]
    private let whole: EventCounter.Count
    private let period: Int64
    private let stepCount: Int

    init(
        _ counter: EventCounter, _ windows: AlertWindows, from: Int64, to: Int64, step: Int64,
        whole: EventCounter.Count, _ engine: PromQLEngine, _ context: QueryContext
    ) throws(QueryError) {
        self.whole = whole
        period = windows.period
        let steps = try EvaluationSteps(
            start: from, end: to, step: step, countMax: context.limits.stepsMax)
        stepCount = steps.count
        for window in windows.lengths where window <= windows.pageSlow.long {
            let bad = try Self.values(counter.error, window, steps, engine, context)
            let all = try Self.values(counter.total, window, steps, engine, context)
            counts[window] = (0..<steps.count).map { index in
                guard let events = all[index], events > 0 else { return nil }
                return EventCounter.Count(
                    bad: max(0, counter.unit.events(bad[index] ?? 0, window: window)),
                    all: counter.unit.events(events, window: window))
            }
        }
    }

    private static func values(
        _ query: WindowQuery, _ window: Int64, _ steps: EvaluationSteps, _ engine: PromQLEngine,
        _ context: QueryContext
    ) throws(QueryError) -> [Double?] {
        let result = try engine.range(
            query.text(window: window), start: steps.start, end: steps.end, step: steps.step,
            context: context)
        guard case .matrix(_, let series) = result.value, let one = series.first else {
            return [Double?](repeating: nil, count: steps.count)
        }
        return one.values.map { StepValue.isPresent($0) && !$0.isNaN ? $0 : nil }
    }

    /// How often the condition began to hold.
    func pages(_ condition: BurnCondition) throws(QueryError) -> Int {
        var pages = 0
        var held = false
        for step in 0..<stepCount {
            var windows = WindowCounts { window in
                let count = window == period ? whole : counts[window]?[step]
                return count.map { [.empty: $0] } ?? [:]
            }
            let holds = try !condition.holds(&windows).isEmpty
            if holds, !held { pages += 1 }
            held = holds
        }
        return pages
    }
}

/// A suggestion as a file.
private struct SuggestedSpecification {
    let service: String
    let kind: SLOSuggestion.Kind
    let objective: Double
    let bound: Double?
    let error: String
    let total: String

    var text: String {
        let percent = NumberFormat.decimal(objective)
        let good =
            bound.map { "answered within \(NumberFormat.decimal($0)) s" }
            ?? "answered without an error of the server"
        return """
            version: prometheus/v1
            service: "\(service)"
            slos:
              - name: \(kind.rawValue)
                objective: \(percent)
                description: "\(percent) % of the requests to \(service) are \(good)."
                sli:
                  events:
                    error_query: '\(error)'
                    total_query: '\(total)'
                alerting:
                  name: "\(service) \(kind.rawValue)"
                  labels: {service: "\(service)"}

            """
    }
}
