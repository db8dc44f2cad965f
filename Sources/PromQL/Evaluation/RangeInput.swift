import QueryCore
import Store
import Telemetry

/// The series that a function over a range vector reads: stored ones, or the results of a subquery.
struct RangeInput: Sendable {
    let labels: [Labels]
    /// The same where the store has them so.
    var list: SeriesList?
    /// Which of them have lost their metric's name; none of them if it is empty.
    var dropped: [Bool] = []
    var windows: Windows
    /// Where the samples come from; `nil` for a subquery.
    var stored: StoredSeries?
    /// Whether some series may hold histograms.
    var mayHoldHistograms = false
    /// Fills the columns with a series' samples; stale markers may be among them.
    let load: @Sendable (_ index: Int, _ columns: inout SampleColumns) throws(QueryError) -> Void

    /// Fills the columns with a series' samples without stale markers, one a time.
    func loadFresh(_ index: Int, into columns: inout SampleColumns) throws(QueryError) {
        try load(index, &columns)
        columns.removeStaleMarkers()
        columns.removeHistogramsBesideNumbers()
    }
}

extension SampleColumns {
    /// Removes stale markers, which no window counts as samples.
    mutating func removeStaleMarkers() {
        histograms.removeAll(where: \.isStaleMarker)
        let marker = Sample.staleMarker.bitPattern
        guard holdStaleMarkers,
            var kept = values.firstIndex(where: { $0.bitPattern == marker })
        else { return }
        for index in kept..<values.count where values[index].bitPattern != marker {
            values[kept] = values[index]
            times[kept] = times[index]
            kept += 1
        }
        values.removeLast(values.count - kept)
        times.removeLast(times.count - kept)
    }

    /// Looks at all values without a branch for each: nearly always there is none.
    private var holdStaleMarkers: Bool {
        values.withUnsafeBufferPointer { values in
            var found: UInt64 = 0
            for value in values {
                found |= value.bitPattern == Sample.staleMarker.bitPattern ? 1 : 0
            }
            return found != 0
        }
    }
}

extension SampleColumns {
    /// Of a number and a histogram of the same time the number stays, as instant selectors see it.
    fileprivate mutating func removeHistogramsBesideNumbers() {
        guard !histograms.isEmpty, !times.isEmpty else { return }
        var next = 0
        histograms.removeAll { sample in
            while next < times.count, times[next] < sample.time { next += 1 }
            return next < times.count && times[next] == sample.time
        }
    }
}

extension Evaluator {
    /// Says that samples are missing which the query would look at.
    func noteThinning(_ stored: StoredSeries) {
        for thinning in stored.selection.thinnings where thinning.interval > 0 {
            var time: [UInt8] = []
            let (nanoseconds, isLate) = thinning.through.multipliedReportingOverflow(by: 1_000_000)
            RFC3339.append(Timestamp(nanoseconds: isLate ? .max : nanoseconds), to: &time)
            notes.inform(
                "of samples until \(String(decoding: time, as: UTF8.self))"
                    + " only the first and the last of every \(thinning.interval / 60_000) minutes"
                    + " are kept; windows of whole such intervals are exact for rate, increase, delta"
                    + " and sum, avg, min, max, count, first, last and present_over_time; native"
                    + " histograms of then are gone")
        }
    }

    /// - Parameter isWholeQuery: its samples are the result, not what a function looks at.
    mutating func rangeInput(
        _ expression: Expression, isWholeQuery: Bool = false
    ) throws(QueryError) -> RangeInput {
        switch expression.unwrapped {
        case .rangeSelector(let node):
            let windows = windows(
                node.selector.shift, range: node.duration, edges: node.selector.edges)
            let stored = try StoredSeries(
                node.selector, in: windows.sampleRange, store: store, context: context)
            let list = stored.selection.list
            return RangeInput(
                labels: list.labels, list: list, windows: windows, stored: stored,
                mayHoldHistograms: stored.selection.mayHoldHistograms
            ) { index, columns throws(QueryError) in
                try stored.load(index, into: &columns)
            }
        case .subquery(let node): return try subqueryInput(node, isWholeQuery: isWholeQuery)
        default: preconditionFailure("BUG: the type checker let a non-range vector pass")
        }
    }

    /// Evaluates the inner expression at every multiple of the subquery's step that some window holds.
    private func subqueryInput(
        _ node: Subquery, isWholeQuery: Bool
    ) throws(QueryError) -> RangeInput {
        let windows = windows(node.shift, range: node.duration)
        let step = node.step ?? options.subqueryStep
        let lowest = windows.firstEnd &- node.duration
        var start = step &* (lowest / step)
        if start <= lowest { start &+= step }
        let end = windows.end(windows.count - 1)
        guard start <= end else {
            return RangeInput(labels: [], windows: windows) { _, _ throws(QueryError) in }
        }
        let count = (end &- start) / step + 1
        guard (1...Int64(context.limits.samplesMax)).contains(count) else {
            throw .execution("subquery \(node) has too many steps")
        }
        let inner = EvaluationSteps(start: start, step: step, count: Int(count))
        var evaluator = at(inner)
        evaluator.reading = .wholeBuckets
        let series = try evaluator.vector(node.inner)
        context.release(samples: series.count * inner.count)
        if isWholeQuery {
            tally?.add(evaluator.tally, at: steps.count - 1)
        } else {
            tally?.addReads(
                of: evaluator.tally, at: inner, shift: node.shift.offset, range: node.duration,
                for: steps)
        }
        return RangeInput(
            labels: series.map(\.labels), dropped: series.map(\.dropsName), windows: windows,
            mayHoldHistograms: series.contains(where: \.hasHistograms)
        ) { index, columns throws(QueryError) in
            columns.removeAll()
            for (step, value) in series[index].values.enumerated()
            where StepValue.isPresent(value) {
                if let histogram = series[index].histogram(step) {
                    columns.append(histogram, at: inner.time(step))
                } else {
                    columns.times.append(inner.time(step))
                    columns.values.append(value)
                }
            }
        }
    }

    /// The samples of a range vector at the single instant of this evaluator.
    mutating func samples(of expression: Expression) throws(QueryError) -> [SampleSeries] {
        let input = try rangeInput(expression, isWholeQuery: true)
        let start = input.windows.firstEnd &- input.windows.range
        let lowest = start &- input.windows.reachBack
        let highest = input.windows.firstEnd &+ input.windows.reachAhead
        let edges = expression.windowEdges
        if edges != .asSampled, input.mayHoldHistograms {
            throw .execution("\(edges.rawValue) modifier is not supported with histograms")
        }
        var series: [SampleSeries] = []
        var columns = SampleColumns()
        var held = 0
        defer { context.release(samples: held) }
        for (index, labels) in input.labels.enumerated() {
            try context.check()
            try input.loadFresh(index, into: &columns)
            let weight = columns.times.count + columns.histogramWeight
            held += weight
            try context.hold(samples: weight)
            let histograms = columns.histograms.filter {
                $0.time > lowest && $0.time <= highest
            }
            let first = columns.times.firstIndex { $0 > lowest } ?? columns.times.count
            let end = columns.times.lastIndex { $0 <= highest }.map { $0 + 1 } ?? 0
            guard first < end || !histograms.isEmpty else { continue }
            if input.stored != nil { tally?.add(input.windows, over: columns) }
            let isDropped = !input.dropped.isEmpty && input.dropped[index]
            let found = SampleSeries(
                labels: isDropped ? labels.withoutName : labels,
                times: Array(columns.times[first..<max(first, end)]),
                values: Array(columns.values[first..<max(first, end)]),
                histograms: histograms.map { HistogramPoint(time: $0.time, value: $0.value) })
            if edges == .asSampled {
                series.append(found)
            } else if let extended = found.extended(
                edges, from: start, to: input.windows.firstEnd)
            {
                series.append(extended)
            }
        }
        guard Set(series.map(\.labels)).count == series.count else {
            throw SeriesCollector.duplicate
        }
        return series.sorted { $0.labels.comesBefore($1.labels) }
    }
}

extension Expression {
    /// What stands at the bounds of a range vector's windows.
    fileprivate var windowEdges: WindowEdges {
        if case .rangeSelector(let node) = unwrapped { return node.selector.edges }
        return .asSampled
    }
}
