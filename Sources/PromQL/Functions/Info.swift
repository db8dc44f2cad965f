import QueryCore
import Store
import Telemetry

/// `info(v, {selector})`: adds the labels of info series (`target_info` unless the selector names others)
/// to the series of `v` that have the same `job` and `instance`, step by step. Of info series with equal
/// name and identity the one with the latest sample counts.
extension Evaluator {
    mutating func info(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        let base = try vector(node.arguments[0])
        let selector = try InfoSelector(node.arguments.dropFirst().first)
        let shift = infoShift(of: node.arguments[0])
        let isInfo = base.map { selector.names($0.shownLabels[Labels.metricName] ?? "") }
        guard let matchers = selector.matchers(for: base, unless: isInfo) else {
            return try InfoJoin(selector, [], steps.count).enrich(base, isInfo)
        }
        let found = try collect(
            try select(
                VectorSelector(matchers: matchers, shift: shift, range: node.range),
                histogramsAs: nil
            ) { time, _ in Double(time) })
        let held = found.count * steps.count
        try context.hold(samples: held)
        defer { context.release(samples: held) }
        guard !found.contains(where: \.hasHistograms) else {
            throw .execution("info sample should be float")
        }
        return try InfoJoin(selector, found, steps.count).enrich(base, isInfo)
    }

    /// Info series are looked up when the first selector within the argument looks: its `@`, or that of
    /// the innermost subquery around it that has one, moved by the offsets up to there.
    private func infoShift(of expression: Expression) -> TimeShift {
        guard let shifts = expression.shiftsOfFirstSelector else { return TimeShift() }
        var result = TimeShift()
        for shift in shifts {
            result.offset &+= shift.offset
            guard let anchor = anchor(shift) else { continue }
            result.at = .time(anchor)
            break
        }
        return result
    }
}

extension Expression {
    /// Of the first selector and the subqueries around it, the innermost first; `nil` without a selector.
    fileprivate var shiftsOfFirstSelector: [TimeShift]? {
        switch self {
        case .vectorSelector(let node): return [node.shift]
        case .rangeSelector(let node): return [node.selector.shift]
        case .subquery(let node): return node.inner.shiftsOfFirstSelector.map { $0 + [node.shift] }
        default:
            for child in children {
                if let shifts = child.shiftsOfFirstSelector { return shifts }
            }
            return nil
        }
    }
}

/// Which info series are wanted, and which of their labels.
struct InfoSelector {
    /// What tells which info series belongs to which other.
    static let identity = ["instance", "job"]
    /// More values than this are not asked for by name: what does not fit is found out later.
    private static let namedValuesMax = 500

    private let nameMatchers: [ValueMatcher]
    private let labelMatchers: [LabelMatcher]
    /// Names of the labels to copy; `nil` copies all.
    let copied: Set<String>?
    /// Whether series without any info series stay as they are.
    let keepsUnmatched: Bool

    /// - Parameter expression: a selector without a metric's name; `nil` takes all of `target_info`.
    init(_ expression: Expression?) throws(QueryError) {
        var names: [LabelMatcher] = []
        var others: [LabelMatcher] = []
        if case .vectorSelector(let node)? = expression {
            names = node.matchers.filter { $0.name == Labels.metricName }
            others = node.matchers.filter { $0.name != Labels.metricName }
        }
        if !names.contains(where: { $0.operator == .equal || $0.operator == .matches }) {
            names.insert(
                names.isEmpty
                    ? LabelMatcher(Labels.metricName, .equal, "target_info")
                    : LabelMatcher(Labels.metricName, .matches, ".+_info"), at: 0)
        }
        var prepared: [ValueMatcher] = []
        for matcher in names { prepared.append(try ValueMatcher(matcher)) }
        var keeps = true
        for matcher in others where try !ValueMatcher(matcher).accepts("") { keeps = false }
        nameMatchers = prepared
        labelMatchers = others
        copied = others.isEmpty ? nil : Set(others.map(\.name))
        keepsUnmatched = keeps
    }

    /// Whether a metric of that name is an info metric itself.
    func names(_ metric: String) -> Bool { nameMatchers.allSatisfy { $0.accepts(metric) } }

    /// What selects the info series of `base`; `nil` if none of it has an identity.
    func matchers(for base: [StepSeries], unless isInfo: [Bool]) -> [LabelMatcher]? {
        var matchers: [LabelMatcher] = []
        var hasIdentity = false
        for name in Self.identity {
            var values: Set<String> = []
            for (series, isInfo) in zip(base, isInfo) where !isInfo {
                if let value = series.labels[name], !value.isEmpty { values.insert(value) }
            }
            guard !values.isEmpty else { continue }
            hasIdentity = true
            guard values.count <= Self.namedValuesMax else { continue }
            let pattern = values.sorted().map(Self.quoted).joined(separator: "|")
            matchers.append(LabelMatcher(name, .matches, pattern))
        }
        return hasIdentity ? matchers + labelMatchers + nameMatchers.map(\.matcher) : nil
    }

    /// As a pattern that matches nothing else.
    private static func quoted(_ text: String) -> String {
        var quoted = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if "\\.+*?()|[]{}^$".unicodeScalars.contains(scalar) { quoted.append("\\") }
            quoted.append(scalar)
        }
        return String(quoted)
    }
}

/// Puts the labels of info series to others.
private struct InfoJoin {
    private let selector: InfoSelector
    /// Values are the times of the samples, in milliseconds.
    private let found: [StepSeries]
    private let stepCount: Int
    /// Names of the info metrics, sorted.
    private let metrics: [String]
    /// By name and identity.
    private var groups: [Labels: [Int]] = [:]

    init(_ selector: InfoSelector, _ found: [StepSeries], _ stepCount: Int) {
        self.selector = selector
        self.found = found
        self.stepCount = stepCount
        metrics = Set(found.compactMap { $0.labels[Labels.metricName] }).sorted()
        for (index, series) in found.enumerated() {
            let key = Self.key(series.labels, series.labels[Labels.metricName] ?? "")
            groups[key, default: []].append(index)
        }
    }

    private static func key(_ labels: Labels, _ metric: String) -> Labels {
        var pairs = [(name: Labels.metricName, value: metric)]
        for name in InfoSelector.identity { pairs.append((name, labels[name] ?? "")) }
        return Labels(pairs)
    }

    /// - Parameter isInfo: which of `base` are info series themselves and stay as they are.
    func enrich(_ base: [StepSeries], _ isInfo: [Bool]) throws(QueryError) -> [StepSeries] {
        var collector = SeriesCollector(capacity: base.count)
        for (series, isInfo) in zip(base, isInfo) {
            guard !isInfo else {
                try collector.add(series.labels, series)
                continue
            }
            let candidates = metrics.compactMap { groups[Self.key(series.labels, $0)] }
            var outputs: [[Int]: StepSeries] = [:]
            var order: [[Int]] = []
            for step in 0..<stepCount where StepValue.isPresent(series.values[step]) {
                var chosen: [Int] = []
                for candidate in candidates {
                    if let index = try latest(of: candidate, at: step) { chosen.append(index) }
                }
                if chosen.isEmpty, !selector.keepsUnmatched { continue }
                if outputs[chosen] == nil {
                    order.append(chosen)
                    outputs[chosen] = StepSeries(
                        labels: try labels(of: series.labels, with: chosen),
                        values: [Double](repeating: StepValue.absent, count: stepCount),
                        dropsName: series.dropsName)
                }
                if let histogram = series.histogram(step) {
                    outputs[chosen]?.set(histogram, at: step)
                } else {
                    outputs[chosen]?.set(series.values[step], at: step)
                }
            }
            for chosen in order {
                if let output = outputs[chosen] { try collector.add(output.labels, output) }
            }
        }
        return collector.series
    }

    private func latest(of candidates: [Int], at step: Int) throws(QueryError) -> Int? {
        var latest: Int?
        for index in candidates where StepValue.isPresent(found[index].values[step]) {
            guard let known = latest else {
                latest = index
                continue
            }
            let (old, new) = (found[known].values[step], found[index].values[step])
            guard old != new else {
                throw .execution(
                    "found duplicate series for info metric: existing \(found[known].labels) @ "
                        + "\(NumberFormat.decimal(old)), new \(found[index].labels) @ "
                        + NumberFormat.decimal(new))
            }
            if new > old { latest = index }
        }
        return latest
    }

    private func labels(of base: Labels, with infos: [Int]) throws(QueryError) -> Labels {
        var added: [(name: String, value: String)] = []
        for info in infos {
            for pair in found[info].labels.pairs where pair.name != Labels.metricName {
                if let copied = selector.copied, !copied.contains(pair.name) { continue }
                if let known = added.first(where: { $0.name == pair.name }) {
                    guard known.value == pair.value else {
                        throw .execution("conflicting label: \(pair.name)")
                    }
                    continue
                }
                if base[pair.name] == nil { added.append(pair) }
            }
        }
        return added.isEmpty ? base : Labels(base.pairs + added)
    }
}
