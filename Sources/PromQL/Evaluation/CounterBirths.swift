import QueryCore
import Store
import Synchronization
import Telemetry

/// When counters began to count, for whoever counts events: what a series holds when it appears has happened,
/// though PromQL's `increase` sees nothing before the second sample.
///
/// It counts where a start timestamp says since when, or where the target (`job` and `instance`) was observed
/// before: some other series of it was there `observation` earlier and is still there. Where the target has an
/// `up`, that must be one with labels of this series: a second server that scrapes the same target, a replica of
/// the first, has an own label on all that it sends. Else the total may be of years, of which this is the
/// first that is known: after the start of the server, after new labels. A series that was there within a day
/// before the range is none that appears.
final class CounterBirths: Sendable {
    private struct Target: Hashable {
        var job: String
        var instance: String

        init(_ labels: Labels) {
            job = labels["job"] ?? ""
            instance = labels["instance"] ?? ""
        }
    }

    private struct Life {
        /// Times of the first and the last sample in the range, in milliseconds.
        var first: Int64
        var last: Int64
        var labels: Labels

        /// Whether the series was there before another began at `time`, and goes on.
        func vouches(at time: Int64) -> Bool {
            time - first >= CounterBirths.observation && last >= time
        }

        /// Whether it has no label but its name that `other` has not.
        func isFound(in other: Labels) -> Bool {
            labels.pairs.allSatisfy {
                $0.name == Labels.metricName || other[$0.name] == $0.value
            }
        }
    }

    private struct Known {
        var earlier: Set<Labels>?
        var starts: [Labels: SeriesStarts]?
        var lives: [Looked: [Target: [Life]]] = [:]
    }

    private enum Looked {
        /// This selection.
        case own
        case up
        case witnesses
    }

    /// So long a target must have been known, in milliseconds: by then everything it has was told once.
    private static let observation: Int64 = 300_000
    /// Where a series has one sample, as long as this it may have been counting unseen, in milliseconds.
    private static let usualInterval: Int64 = 15_000
    /// So many zeros stand before a first sample that extrapolation finds the usual distances.
    private static let zerosMax: Int64 = 20
    private static let day: Int64 = 86_400_000

    private let selection: any SeriesSelection
    private let matchers: [LabelMatcher]
    /// Of the selection, in milliseconds.
    private let range: ClosedRange<Int64>
    private let witnesses: [String]
    private let store: any MetricStore
    private let known = Mutex(Known())

    /// - Parameter witnesses: metrics whose series show that a target was observed, besides `up`.
    init(
        _ selection: any SeriesSelection, matching matchers: [LabelMatcher],
        in range: ClosedRange<Int64>, witnesses: Set<String>, store: any MetricStore
    ) {
        self.selection = selection
        self.matchers = matchers
        self.range = range
        self.witnesses = witnesses.sorted()
        self.store = store
    }

    /// Times at which a series stood at zero before its first sample; none where that is not known.
    /// - Parameters:
    ///   - first: of the first sample in the range, in milliseconds.
    ///   - interval: milliseconds to the next; `nil` if there is none.
    func zeros(
        before first: Int64, interval: Int64?, of labels: Labels
    ) throws(StoreError) -> [Int64] {
        let interval = min(max(interval ?? Self.usualInterval, 1), Self.day)
        // What is there from the beginning on was there before.
        guard first &- range.lowerBound > interval + interval / 2,
            let birth = try birth(first, interval, labels)
        else { return [] }
        return (0..<Self.zerosMax).map { birth &- $0 * interval }
            .filter { $0 >= range.lowerBound && $0 < first }.reversed()
    }

    private func birth(
        _ first: Int64, _ interval: Int64, _ labels: Labels
    ) throws(StoreError) -> Int64? {
        try known.withLock { known throws(StoreError) in
            if try earlier(&known).contains(labels) { return nil }
            let start = try starts(&known)[labels]?.start(ofSampleAt: first)
            let told = start.flatMap { $0 < first ? $0 : nil }
            if let told, first &- told <= 2 * interval { return told }
            let target = Target(labels)
            let own = try lives(.own, &known)[target] ?? []
            // A series that ends where this one begins may be the same under other labels.
            if own.contains(where: { isReplaced($0, first) }) { return told }
            let isObserved = try isObserved(target, labels, at: first, own, &known)
            return isObserved ? max(told ?? .min, first &- interval) : told
        }
    }

    private func isObserved(
        _ target: Target, _ labels: Labels, at first: Int64, _ own: [Life], _ known: inout Known
    ) throws(StoreError) -> Bool {
        if let up = try lives(.up, &known)[target] {
            return up.contains { $0.vouches(at: first) && $0.isFound(in: labels) }
        }
        if own.contains(where: { $0.vouches(at: first) }) { return true }
        let others = try lives(.witnesses, &known)[target] ?? []
        return others.contains { $0.vouches(at: first) }
    }

    private func isReplaced(_ life: Life, _ first: Int64) -> Bool {
        life.last < first && first - life.last <= Self.observation
    }

    // MARK: What is known, looked up when it is needed

    /// Series that were there before the range.
    private func earlier(_ known: inout Known) throws(StoreError) -> Set<Labels> {
        if let found = known.earlier { return found }
        let end = range.lowerBound &- 1
        let before = try store.selectSeries(matchers, in: (end &- Self.day)...end)
        let found = Set((0..<before.count).map(before.labels))
        known.earlier = found
        return found
    }

    private func starts(_ known: inout Known) throws(StoreError) -> [Labels: SeriesStarts] {
        if let found = known.starts { return found }
        let found = Dictionary(
            try store.startTimes(matching: matchers, in: range).map { ($0.labels, $0) }
        ) { $1 }
        known.starts = found
        return found
    }

    private func lives(
        _ place: Looked, _ known: inout Known
    ) throws(StoreError) -> [Target: [Life]] {
        if let found = known.lives[place] { return found }
        var found: [Target: [Life]] = [:]
        switch place {
        case .own: try add(selection, to: &found)
        case .up: try add(named("up"), to: &found)
        case .witnesses: for name in witnesses { try add(named(name), to: &found) }
        }
        known.lives[place] = found
        return found
    }

    private func named(_ name: String) throws(StoreError) -> any SeriesSelection {
        try store.selectSeries([LabelMatcher(Labels.metricName, .equal, name)], in: range)
    }

    private func add(
        _ selection: any SeriesSelection, to lives: inout [Target: [Life]]
    ) throws(StoreError) {
        let whole = SampleWindows(
            firstEnd: range.upperBound, step: 0, count: 1,
            range: range.upperBound &- range.lowerBound &+ 1)
        var aggregates: [WindowAggregate] = []
        for index in 0..<selection.count {
            guard try selection.windowAggregates(index, whole, into: &aggregates),
                let life = aggregates.first, life.count > 0
            else { continue }
            let labels = selection.labels(index)
            lives[Target(labels), default: []]
                .append(Life(first: life.firstTime, last: life.lastTime, labels: labels))
        }
    }
}

/// A selection of counters whose first samples count.
struct CountersFromZero: SeriesSelection {
    let base: any SeriesSelection
    let births: CounterBirths

    var count: Int { base.count }
    var mayHoldHistograms: Bool { base.mayHoldHistograms }
    var thinnings: [SampleThinning] { base.thinnings }
    func labels(_ index: Int) -> Labels { base.labels(index) }
    var list: SeriesList { base.list }

    func summaryUse(_ windows: SampleWindows, endsOnly: Bool) -> SummaryUse {
        base.summaryUse(windows, endsOnly: endsOnly)
    }

    func samples(_ index: Int, into columns: inout SampleColumns) throws(StoreError) {
        try base.samples(index, into: &columns)
        guard columns.histograms.isEmpty, let first = columns.times.first,
            columns.values[0].bitPattern != Sample.staleMarker.bitPattern
        else { return }
        let interval = columns.times.count > 1 ? columns.times[1] - first : nil
        let zeros = try births.zeros(before: first, interval: interval, of: labels(index))
        if zeros.isEmpty { return }
        columns.times.insert(contentsOf: zeros, at: 0)
        columns.values.insert(contentsOf: zeros.map { _ in 0 }, at: 0)
    }

    func windowAggregates(
        _ index: Int, _ windows: SampleWindows, into aggregates: inout [WindowAggregate]
    ) throws(StoreError) -> Bool {
        guard try base.windowAggregates(index, windows, into: &aggregates) else { return false }
        // Windows with gaps between them may have skipped the first sample.
        guard windows.step <= windows.range, let head = aggregates.first(where: { $0.count > 0 })
        else { return true }
        let interval =
            head.count > 1 ? (head.lastTime - head.firstTime) / Int64(head.count - 1) : nil
        let zeros = try births.zeros(before: head.firstTime, interval: interval, of: labels(index))
        if zeros.isEmpty { return true }
        for place in aggregates.indices {
            let start = windows.end(place) - windows.range
            var whole = WindowAggregate()
            for time in zeros where time > start && time <= windows.end(place) {
                whole.add(time: time, value: 0)
            }
            if whole.count == 0 { continue }
            whole.add(aggregates[place])
            aggregates[place] = whole
        }
        return true
    }
}

extension RangeInput {
    /// The same with counters that count from their first sample on.
    func countingFirstSamples(
        of selector: VectorSelector, witnesses: Set<String>, store: any MetricStore
    ) -> RangeInput {
        guard let stored else { return self }
        let selection = CountersFromZero(
            base: stored.selection,
            births: CounterBirths(
                stored.selection, matching: selector.allMatchers, in: windows.sampleRange,
                witnesses: witnesses, store: store))
        let counting = StoredSeries(selection)
        return RangeInput(
            labels: labels, list: list, windows: windows, stored: counting,
            mayHoldHistograms: mayHoldHistograms
        ) { index, columns throws(QueryError) in
            try counting.load(index, into: &columns)
        }
    }
}
