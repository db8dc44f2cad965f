import RegularExpressions
import Store
import Synchronization
import Telemetry

/// A metric store in memory for replays: a series is an array of samples by time, so that hundreds of
/// thousands of appends and as many small reads cost little. Keeps no metadata and no exemplars.
///
/// May lie over another store: its own series hide those of the same metric names below.
final class ReplayStore: MetricStore {
    struct Series: Sendable {
        let labels: Labels
        var columns = SampleColumns()
    }

    fileprivate struct State: Sendable {
        var series: [Series] = []
        var places: [Labels: Int] = [:]
        /// Places by metric name.
        var byName: [String: [Int]] = [:]
    }

    private let state = Mutex(State())
    private let base: (any MetricStore)?
    private let hidden: Set<String>

    /// - Parameter hidden: names of metrics that are only found here, whether there are any or not.
    init(over base: (any MetricStore)? = nil, hiding hidden: Set<String> = []) {
        self.base = base
        self.hidden = hidden
    }

    func append(
        metrics batch: MetricBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        state.withLock { state in
            let places = (0..<batch.seriesCount).map { state.place(of: batch.labels($0)) }
            for (index, series) in batch.sampleSeries.enumerated() {
                state.series[places[Int(series)]].columns.insert(
                    time: batch.sampleTimes[index], value: batch.sampleValues[index])
            }
            for sample in batch.histograms {
                state.series[places[Int(sample.series)]].columns.insert(sample)
            }
        }
        completion(.success(.stored))
    }

    /// Takes a series with samples by ascending time.
    func take(_ series: Series) {
        state.withLock { state in
            let place = state.place(of: series.labels)
            guard !state.series[place].columns.times.isEmpty else {
                state.series[place].columns = series.columns
                return
            }
            for (time, value) in zip(series.columns.times, series.columns.values) {
                state.series[place].columns.insert(time: time, value: value)
            }
            for sample in series.columns.histograms {
                state.series[place].columns.insert(sample)
            }
        }
    }

    func selectSeries(
        _ matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> any SeriesSelection {
        let name = matchers.first { $0.name == Labels.metricName && $0.operator == .equal }?.value
        if let base, let name, !hidden.contains(name) {
            return try base.selectSeries(matchers, in: range)
        }
        let own = try selection(matchers, name, range)
        guard let base, name == nil else { return own }
        return UnitedSelection(
            own, try base.selectSeries(matchers, in: range), hiding: hidden)
    }

    private func selection(
        _ matchers: [LabelMatcher], _ name: String?, _ range: ClosedRange<Int64>
    ) throws(StoreError) -> ReplaySelection {
        var tests: [LabelTest] = []
        for matcher in matchers { tests.append(try LabelTest(matcher)) }
        return state.withLock { state in
            let places = name.map { state.byName[$0] ?? [] } ?? Array(state.series.indices)
            let found = places.map { state.series[$0] }.filter { series in
                series.columns.hasSamples(in: range)
                    && tests.allSatisfy { $0.accepts(series.labels) }
            }
            return ReplaySelection(
                series: found.sorted { $0.labels.bytes.lexicographicallyPrecedes($1.labels.bytes) },
                range: range)
        }
    }

    func labelNames(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] {
        let selection = try selectSeries(matchers, in: range)
        var names: Set<String> = []
        for index in 0..<selection.count {
            names.formUnion(selection.labels(index).pairs.map(\.name))
        }
        return names.sorted { Labels.precedes($0.utf8, $1.utf8) }
    }

    func labelValues(
        of name: String, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] {
        let selection = try selectSeries(matchers, in: range)
        let values = Set((0..<selection.count).compactMap { selection.labels($0)[name] })
        return values.sorted { Labels.precedes($0.utf8, $1.utf8) }
    }

    func metricMetadata() throws(StoreError) -> [MetricMetadata] { [] }

    /// None: what rules record carries no exemplars.
    func exemplars(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesExemplars] { [] }
}

extension ReplayStore.State {
    fileprivate mutating func place(of labels: Labels) -> Int {
        if let place = places[labels] { return place }
        let place = series.count
        series.append(ReplayStore.Series(labels: labels))
        places[labels] = place
        byName[labels[Labels.metricName] ?? "", default: []].append(place)
        return place
    }
}

extension SampleColumns {
    /// Puts a sample in its place; of equal times the last written wins.
    fileprivate mutating func insert(time: Int64, value: Double) {
        let place = times.partition { $0 < time }
        if place < times.count, times[place] == time {
            values[place] = value
        } else {
            times.insert(time, at: place)
            values.insert(value, at: place)
        }
        let double = histograms.map(\.time).partition { $0 < time }
        if double < histograms.count, histograms[double].time == time {
            histograms.remove(at: double)
        }
    }

    fileprivate mutating func insert(_ sample: HistogramSample) {
        let isLast = histograms.last.map { $0.time < sample.time } ?? true
        let place =
            isLast ? histograms.count : histograms.map(\.time).partition { $0 < sample.time }
        if place < histograms.count, histograms[place].time == sample.time {
            histograms[place] = sample
        } else {
            histograms.insert(sample, at: place)
        }
        let double = times.partition { $0 < sample.time }
        if double < times.count, times[double] == sample.time {
            times.remove(at: double)
            values.remove(at: double)
        }
    }

    fileprivate func hasSamples(in range: ClosedRange<Int64>) -> Bool {
        let place = times.partition { $0 < range.lowerBound }
        if place < times.count, times[place] <= range.upperBound { return true }
        return histograms.contains { range.contains($0.time) }
    }

    /// What lies in `range`.
    fileprivate func copy(_ range: ClosedRange<Int64>, into columns: inout SampleColumns) {
        columns.removeAll()
        let first = times.partition { $0 < range.lowerBound }
        let end = times.partition { $0 <= range.upperBound }
        columns.times += times[first..<end]
        columns.values += values[first..<end]
        for sample in histograms where range.contains(sample.time) {
            columns.histograms.append(sample)
        }
    }
}

extension [Int64] {
    /// How many elements from the start on are in front; all of those must stand together. Looks at the
    /// end first, where replays append.
    fileprivate func partition(_ isInFront: (Int64) -> Bool) -> Int {
        guard let last, !isInFront(last) else { return count }
        var (low, high) = (0, count - 1)
        while low < high {
            let middle = (low + high) / 2
            if isInFront(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// A matcher, ready to be asked.
private struct LabelTest: Sendable {
    private let matcher: LabelMatcher
    private let pattern: Pattern?

    init(_ matcher: LabelMatcher) throws(StoreError) {
        self.matcher = matcher
        switch matcher.operator {
        case .equal, .notEqual: pattern = nil
        case .matches, .doesNotMatch:
            do throws(PatternError) {
                pattern = try Pattern(matcher.value)
            } catch {
                throw .invalidPattern(pattern: matcher.value, reason: "\(error)")
            }
        }
    }

    func accepts(_ labels: Labels) -> Bool {
        let value = labels[matcher.name] ?? ""
        return switch matcher.operator {
        case .equal: value == matcher.value
        case .notEqual: value != matcher.value
        case .matches: pattern?.matchesWhole(value) ?? false
        case .doesNotMatch: !(pattern?.matchesWhole(value) ?? true)
        }
    }
}

private struct ReplaySelection: SeriesSelection {
    let series: [ReplayStore.Series]
    let range: ClosedRange<Int64>

    var count: Int { series.count }
    var mayHoldHistograms: Bool { series.contains { !$0.columns.histograms.isEmpty } }
    func labels(_ index: Int) -> Labels { series[index].labels }

    func samples(_ index: Int, into columns: inout SampleColumns) throws(StoreError) {
        series[index].columns.copy(range, into: &columns)
    }
}

/// Series of a replay and of the store below it, in one order.
private struct UnitedSelection: SeriesSelection {
    private let parts: [any SeriesSelection]
    private let places: [(part: Int, index: Int)]

    init(_ own: any SeriesSelection, _ base: any SeriesSelection, hiding hidden: Set<String>) {
        parts = [own, base]
        var places: [(part: Int, index: Int)] = (0..<own.count).map { (0, $0) }
        for index in 0..<base.count
        where !hidden.contains(base.labels(index)[Labels.metricName] ?? "") {
            places.append((1, index))
        }
        let selections = parts
        self.places = places.sorted {
            selections[$0.part].labels($0.index).bytes.lexicographicallyPrecedes(
                selections[$1.part].labels($1.index).bytes)
        }
    }

    var count: Int { places.count }
    var mayHoldHistograms: Bool { parts.contains(where: \.mayHoldHistograms) }
    var thinnings: [SampleThinning] { parts[1].thinnings }

    func summaryUse(_ windows: SampleWindows, endsOnly: Bool) -> SummaryUse {
        parts[1].summaryUse(windows, endsOnly: endsOnly)
    }

    func labels(_ index: Int) -> Labels { parts[places[index].part].labels(places[index].index) }

    func samples(_ index: Int, into columns: inout SampleColumns) throws(StoreError) {
        try parts[places[index].part].samples(places[index].index, into: &columns)
    }

    func windowAggregates(
        _ index: Int, _ windows: SampleWindows, into aggregates: inout [WindowAggregate]
    ) throws(StoreError) -> Bool {
        try parts[places[index].part].windowAggregates(
            places[index].index, windows, into: &aggregates)
    }
}
