import QueryCore
import Store
import Telemetry

/// Reads series from the store and loads their samples, stale markers included.
struct StoredSeries: Sendable {
    let selection: any SeriesSelection

    init(_ selection: any SeriesSelection) { self.selection = selection }

    /// - Parameter range: milliseconds, both ends included.
    init(
        _ selector: VectorSelector, in range: ClosedRange<Int64>, store: any MetricStore,
        context: QueryContext
    ) throws(QueryError) {
        do throws(StoreError) {
            selection = try store.selectSeries(selector.allMatchers, in: range)
        } catch {
            throw QueryError(error)
        }
        if selection.count > context.limits.seriesMax {
            throw .execution(
                "\(selector) selects \(selection.count) series; the limit is "
                    + "\(context.limits.seriesMax)")
        }
    }

    func load(_ index: Int, into columns: inout SampleColumns) throws(QueryError) {
        do throws(StoreError) {
            try selection.samples(index, into: &columns)
        } catch {
            throw QueryError(error)
        }
    }

    /// Aggregates of windows, from what the store knows without decoding where it can.
    /// - Returns: false if the series has histograms, which have no such aggregates.
    func aggregates(
        _ index: Int, _ windows: SampleWindows, into aggregates: inout [WindowAggregate]
    ) throws(QueryError) -> Bool {
        do throws(StoreError) {
            return try selection.windowAggregates(index, windows, into: &aggregates)
        } catch {
            throw QueryError(error)
        }
    }
}

extension Evaluator {
    /// The instant that a selector means by step `step`, before its offset: with `@` always the same.
    func anchor(_ shift: TimeShift) -> Int64? {
        switch shift.at {
        case .time(let time): time
        case .start: queryStart
        case .end: queryEnd
        case nil: nil
        }
    }

    /// Where windows of `range` milliseconds end, step by step, and what they need at their edges.
    func windows(
        _ shift: TimeShift, range: Int64, edges: WindowEdges = .asSampled
    ) -> Windows {
        var windows = plainWindows(shift, range: range)
        windows.notesResets = reading == .countsAndSums
        if edges != .asSampled { windows.reachBack = options.lookback }
        if edges == .smoothed { windows.reachAhead = options.lookback }
        return windows
    }

    private func plainWindows(_ shift: TimeShift, range: Int64) -> Windows {
        if let anchor = anchor(shift) {
            return Windows(
                firstEnd: anchor &- shift.offset, step: 0, count: steps.count, range: range)
        }
        return Windows(
            firstEnd: steps.start &- shift.offset, step: steps.step, count: steps.count,
            range: range)
    }

    /// An instant vector selector: at every step the latest sample of the last `lookback`.
    func select(_ node: VectorSelector) throws(QueryError) -> SeriesColumns {
        try select(node, histogramsAs: nil) { _, value in value }
    }

    /// `timestamp(selector)`: the times of those samples, in seconds.
    func selectTimes(_ node: VectorSelector) throws(QueryError) -> [StepSeries] {
        try collect(
            try select(node, histogramsAs: { Double($0) / 1_000 }) { time, _ in
                Double(time) / 1_000
            })
    }

    /// - Parameters:
    ///   - asNumber: what stands for a histogram of a time; `nil` for the histogram itself.
    ///   - pick: what stands for a number.
    func select(
        _ node: VectorSelector, histogramsAs asNumber: (@Sendable (Int64) -> Double)?,
        _ pick: @escaping @Sendable (Int64, Double) -> Double
    ) throws(QueryError) -> SeriesColumns {
        var windows = windows(node.shift, range: options.lookback)
        if node.edges == .smoothed { windows.reachAhead = options.lookback }
        var stored = try StoredSeries(
            node, in: windows.sampleRange, store: store, context: context)
        let thinnings = stored.selection.thinnings
        if thinnings.contains(where: { $0.interval > options.lookback }) {
            windows.thinnings = thinnings
            stored = try StoredSeries(
                node, in: windows.sampleRange, store: store, context: context)
        }
        let isSmoothed = node.edges == .smoothed
        let rules = HistogramRules(notes: notes, range: node.range)
        let ends = windows
        let found = stored
        let tally = tally
        let list = found.selection.list
        return SeriesColumns(
            labels: list.labels, list: list, keepsName: true,
            mayHoldHistograms: found.selection.mayHoldHistograms
        ) { index, samples, column throws(QueryError) in
            try found.load(index, into: &samples)
            defer { tally?.add(column) }
            if isSmoothed {
                samples.removeStaleMarkers()
                guard samples.histograms.isEmpty else {
                    return ends.smoothed(
                        in: samples, of: found.selection.labels(index), rules, into: &column)
                }
                return ends.smoothed(in: samples, into: &column.values)
            }
            guard samples.histograms.isEmpty else {
                return ends.latestOfAnyKind(
                    in: samples, into: &column, histogramsAs: asNumber, pick)
            }
            return ends.latest(in: samples, into: &column.values, pick)
        }
    }
}

/// Where windows end and how far they reach back: `(end - range, end]` at every step.
struct Windows: Sendable {
    var firstEnd: Int64
    /// 0 where `@` pins all windows to one.
    var step: Int64
    var count: Int
    var range: Int64
    /// How much further back and ahead samples matter, for edges between samples.
    var reachBack: Int64 = 0
    var reachAhead: Int64 = 0
    /// Whether it is to be found out which histograms are resets.
    var notesResets = false
    /// Where samples are thinned, windows of instants reach back an interval at least.
    var thinnings: [SampleThinning] = []

    func end(_ index: Int) -> Int64 { firstEnd &+ Int64(index) &* step }

    /// The times of samples that some window holds, both ends included.
    var sampleRange: ClosedRange<Int64> {
        let reach = thinnings.map(\.interval).max() ?? 0
        let first = firstEnd &- max(range, reach) &- reachBack &+ 1
        return first...max(first, end(count - 1) &+ reachAhead)
    }

    /// How far back the latest sample of an instant may lie.
    private func reach(_ end: Int64) -> Int64 {
        max(range, thinnings.first { end <= $0.through }?.interval ?? 0)
    }

    /// As `latest`, of numbers and histograms.
    func latestOfAnyKind(
        in samples: SampleColumns, into output: inout StepColumn,
        histogramsAs asNumber: ((Int64) -> Double)?, _ pick: (Int64, Double) -> Double
    ) -> Bool {
        _ = latest(in: samples, into: &output.values, pick)
        var next = 0
        var nextNumber = 0
        for index in 0..<count {
            let end = end(index)
            while next < samples.histograms.count, samples.histograms[next].time <= end {
                next += 1
            }
            while nextNumber < samples.times.count, samples.times[nextNumber] <= end {
                nextNumber += 1
            }
            guard next > 0 else { continue }
            let sample = samples.histograms[next - 1]
            guard sample.time > end &- range,
                nextNumber == 0 || samples.times[nextNumber - 1] < sample.time
            else { continue }
            if sample.isStaleMarker {
                output.values[index] = StepValue.absent
            } else if let asNumber {
                output.values[index] = asNumber(sample.time)
            } else {
                output.set(
                    notesResets ? hinted(next - 1, of: samples.histograms, end) : sample.value,
                    at: index)
            }
        }
        return output.values.contains(where: StepValue.isPresent)
    }

    /// A histogram with whether it is a reset, as reading series from the first window on tells: what lies
    /// between windows is not read.
    private func hinted(
        _ index: Int, of histograms: [HistogramSample], _ end: Int64
    ) -> HistogramValue {
        var value = histograms[index].value
        if let previous = histograms[..<index].last(where: { !$0.isStaleMarker }),
            step <= range || previous.time > end &- range
        {
            value.noteReset(since: previous.value)
        }
        return value
    }

    /// The latest sample of every window. A stale marker ends the series.
    /// - Parameter output: one entry a step, absent before.
    /// - Returns: whether any step has a value.
    func latest(
        in samples: SampleColumns, into output: inout [Double], _ pick: (Int64, Double) -> Double
    ) -> Bool {
        guard !samples.times.isEmpty else { return false }
        var isEmpty = true
        samples.times.withUnsafeBufferPointer { times in
            samples.values.withUnsafeBufferPointer { values in
                // Index after the last sample that is not past the window's end.
                var next = 0
                for index in 0..<count {
                    let end = end(index)
                    while next < times.count, times[next] <= end { next &+= 1 }
                    let reach = thinnings.isEmpty ? range : reach(end)
                    guard next > 0, times[next - 1] > end &- reach else { continue }
                    let value = values[next - 1]
                    guard value.bitPattern != Sample.staleMarker.bitPattern else { continue }
                    output[index] = pick(times[next - 1], value)
                    isEmpty = false
                }
            }
        }
        return !isEmpty
    }
}
