import QueryCore
import Store
import Telemetry

/// Reads series from the store and loads their samples, stale markers included.
struct StoredSeries: Sendable {
    let selection: any SeriesSelection

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
        guard columns.histograms.isEmpty else { throw hasHistograms(index) }
    }

    /// Aggregates of windows, from what the store knows without decoding where it can.
    func aggregates(
        _ index: Int, _ windows: SampleWindows, into aggregates: inout [WindowAggregate]
    ) throws(QueryError) {
        let isAnswered: Bool
        do throws(StoreError) {
            isAnswered = try selection.windowAggregates(index, windows, into: &aggregates)
        } catch {
            throw QueryError(error)
        }
        if !isAnswered { throw hasHistograms(index) }
    }

    private func hasHistograms(_ index: Int) -> QueryError {
        .execution("not supported yet: native histograms; \(selection.labels(index)) has them")
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

    /// Where windows of `range` milliseconds end, step by step.
    func windows(_ shift: TimeShift, range: Int64) -> Windows {
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
        try select(node) { _, value in value }
    }

    /// `timestamp(selector)`: the times of those samples, in seconds.
    func selectTimes(_ node: VectorSelector) throws(QueryError) -> [StepSeries] {
        try collect(try select(node) { time, _ in Double(time) / 1_000 })
    }

    private func select(
        _ node: VectorSelector, _ pick: @escaping @Sendable (Int64, Double) -> Double
    ) throws(QueryError) -> SeriesColumns {
        let windows = windows(node.shift, range: options.lookback)
        let stored = try StoredSeries(
            node, in: windows.sampleRange, store: store, context: context)
        return SeriesColumns(
            labels: (0..<stored.selection.count).map(stored.selection.labels), keepsName: true
        ) { index, samples, column throws(QueryError) in
            try stored.load(index, into: &samples)
            return windows.latest(in: samples, into: &column, pick)
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

    func end(_ index: Int) -> Int64 { firstEnd &+ Int64(index) &* step }

    /// The times of samples that some window holds, both ends included.
    var sampleRange: ClosedRange<Int64> {
        let first = firstEnd &- range &+ 1
        return first...max(first, end(count - 1))
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
                    guard next > 0, times[next - 1] > end &- range else { continue }
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
