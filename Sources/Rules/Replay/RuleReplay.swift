import PromQL
import QueryCore
import Store
import Telemetry

/// Replays one rule over a range of time.
struct RuleReplay {
    private let member: RuleDependencies.Member
    private let store: ReplayStore
    private let sources: ReplaySources
    private let settings: RuleSettings
    private let context: QueryContext
    private let interval: Int64
    private let first: Int64
    private let end: Int64

    init(
        member: RuleDependencies.Member, store: ReplayStore, sources: ReplaySources,
        settings: RuleSettings, context: QueryContext, start: Int64, end: Int64
    ) {
        self.member = member
        self.store = store
        self.sources = sources
        self.settings = settings
        self.context = context
        self.end = end
        interval = max(1, member.group.interval ?? settings.defaultInterval)
        let past = start % interval
        first = past == 0 ? start : start &- (past < 0 ? past &+ interval : past)
    }

    /// How often the rule is evaluated.
    var evaluations: Int64 { end < first ? 0 : (end &- first) / interval + 1 }

    /// For an alert, its firings that have not ended before `from`.
    func run(from: Int64) throws(QueryError) -> [AlertEpisode] {
        switch member.rule {
        case .recording(let rule):
            var recorder = SeriesRecorder(rule, limit: member.group.limit)
            try visitParts { steps, series throws(QueryError) in
                try recorder.add(series, steps)
            }
            for series in recorder.finish() { store.take(series) }
            return []
        case .alerting(let rule):
            var machine = AlertMachine(rule: rule, group: member.group.key)
            var log = EpisodeLog()
            try visitParts { steps, series throws(QueryError) in
                try follow(&machine, series, steps, &log)
            }
            return log.episodes.filter { ($0.resolvedAt ?? .max) >= from }
        }
    }

    /// Evaluates the expression part by part. The steps are those of the evaluations, without the group's
    /// query offset.
    private func visitParts(
        _ visit: (EvaluationSteps, [StepSeries]) throws(QueryError) -> Void
    ) throws(QueryError) {
        let query = ReplayedQuery(
            query: member.rule.query, store: store, sources: sources, options: settings.query,
            context: context)
        let offset = member.group.queryOffset
        var start = first
        while start <= end {
            let last = min(end, start &+ (query.stepsMax &- 1) &* interval)
            let (count, series) = try query.series(
                start: start &- offset, end: last &- offset, step: interval)
            try visit(EvaluationSteps(start: start, step: interval, count: count), series)
            start = start &+ Int64(count) &* interval
        }
    }

    private func follow(
        _ machine: inout AlertMachine, _ series: [StepSeries], _ steps: EvaluationSteps,
        _ log: inout EpisodeLog
    ) throws(QueryError) {
        for step in 0..<steps.count {
            var elements: [VectorElement] = []
            for entry in series where StepValue.isPresent(entry.values[step]) {
                elements.append(
                    VectorElement(
                        labels: entry.labels, value: entry.values[step],
                        histogram: entry.histogram(step)))
            }
            // Nothing holds and nothing held: the machine has nothing to do.
            guard !elements.isEmpty || log.isActive else { continue }
            try context.check()
            let time = steps.time(step)
            do throws(RuleFailure) {
                let change = try machine.step(
                    elements, at: Timestamp(milliseconds: time), limit: member.group.limit,
                    resendAfter: .max, in: surroundings(at: time &- member.group.queryOffset))
                log.note(change.change, machine)
            } catch {
                throw .execution(error.reason)
            }
        }
    }

    private func surroundings(at time: Int64) -> TemplateSurroundings {
        let (store, options, context) = (store, settings.query, context)
        return TemplateSurroundings(
            externalURL: settings.externalURL, externalLabels: settings.externalLabels, time: time
        ) { text in
            do throws(QueryError) {
                let result = try PromQLEngine(store: store, options: options).instant(
                    text, at: time, context: context)
                switch result.value {
                case .vector(_, let elements):
                    return .success(
                        elements.map {
                            TemplateSurroundings.Sample(labels: $0.labels, value: $0.value)
                        })
                case .scalar(_, let value):
                    return .success([
                        TemplateSurroundings.Sample(labels: .empty, value: value)
                    ])
                case .string, .matrix, .samples:
                    return .failure(
                        TemplateError(line: 0, reason: "the query yields no instant vector"))
                }
            } catch {
                return .failure(TemplateError(line: 0, reason: error.message))
            }
        }
    }
}

/// Collects firings from an alert's transitions.
private struct EpisodeLog {
    private(set) var episodes: [AlertEpisode] = []
    /// Places in `episodes` of those that fire.
    private var open: [Labels: Int] = [:]
    private var activeCount = 0

    /// Whether any alert is pending or firing.
    var isActive: Bool { activeCount > 0 }

    mutating func note(_ change: CatalogChange, _ machine: AlertMachine) {
        for transition in change.transitions {
            if transition.to == "firing" { begin(transition, machine) }
            if transition.from == "firing", let place = open.removeValue(forKey: transition.labels)
            {
                episodes[place].resolvedAt = transition.at.milliseconds
            }
        }
        activeCount = machine.alerts.values.count { record in
            if case .resolved = record.state { return false }
            return true
        }
    }

    private mutating func begin(_ transition: AlertTransition, _ machine: AlertMachine) {
        let record = machine.alerts[transition.labels]
        open[transition.labels] = episodes.count
        episodes.append(
            AlertEpisode(
                labels: transition.labels, annotations: record?.annotations ?? [],
                activeAt: record?.activeAt.milliseconds ?? transition.at.milliseconds,
                firedAt: transition.at.milliseconds, value: transition.value))
    }
}

/// Collects the series of a recording rule.
private struct SeriesRecorder {
    private let rule: RecordingRule
    private let limit: Int
    private var series: [ReplayStore.Series] = []
    private var places: [Labels: Int] = [:]
    /// Whether the last step had the series.
    private var isPresent: [Bool] = []

    init(_ rule: RecordingRule, limit: Int) {
        self.rule = rule
        self.limit = limit
    }

    /// Adds a part; a series that ends is closed by a stale marker, as a server does it.
    mutating func add(_ found: [StepSeries], _ steps: EvaluationSteps) throws(QueryError) {
        var counts = [Int](repeating: 0, count: limit > 0 ? steps.count : 0)
        for entry in found where limit > 0 {
            for step in 0..<steps.count where StepValue.isPresent(entry.values[step]) {
                counts[step] += 1
            }
        }
        var seen: Set<Int> = []
        for entry in found {
            let labels = Labels(
                entry.labels.pairs + [(name: Labels.metricName, value: rule.name)] + rule.labels)
            let place = place(of: labels)
            guard seen.insert(place).inserted else {
                throw .execution(
                    "vector contains metrics with the same labelset after applying rule labels: "
                        + "\(labels)")
            }
            for step in 0..<steps.count {
                let isWanted = limit == 0 || counts[step] <= limit
                add(entry, step, to: place, at: steps.time(step), isWanted: isWanted)
            }
        }
        for place in series.indices where isPresent[place] && !seen.contains(place) {
            end(place, at: steps.start)
        }
    }

    private mutating func add(
        _ entry: StepSeries, _ step: Int, to place: Int, at time: Int64, isWanted: Bool
    ) {
        guard isWanted, StepValue.isPresent(entry.values[step]) else {
            if isPresent[place] { end(place, at: time) }
            return
        }
        isPresent[place] = true
        if let histogram = entry.histogram(step) {
            series[place].columns.histograms.append(
                HistogramSample(series: 0, time: time, histogram: histogram.native))
        } else {
            series[place].columns.times.append(time)
            series[place].columns.values.append(entry.values[step])
        }
    }

    private mutating func end(_ place: Int, at time: Int64) {
        isPresent[place] = false
        series[place].columns.times.append(time)
        series[place].columns.values.append(Sample.staleMarker)
    }

    private mutating func place(of labels: Labels) -> Int {
        if let place = places[labels] { return place }
        places[labels] = series.count
        series.append(ReplayStore.Series(labels: labels))
        isPresent.append(false)
        return series.count - 1
    }

    func finish() -> [ReplayStore.Series] { series }
}
