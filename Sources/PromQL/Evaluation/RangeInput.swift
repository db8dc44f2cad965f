import QueryCore
import Store
import Telemetry

/// The series that a function over a range vector reads: stored ones, or the results of a subquery.
struct RangeInput: Sendable {
    let labels: [Labels]
    let windows: Windows
    /// Where the samples come from; `nil` for a subquery.
    var stored: StoredSeries?
    /// Fills the columns with a series' samples; stale markers may be among them.
    let load: @Sendable (_ index: Int, _ columns: inout SampleColumns) throws(QueryError) -> Void

    /// Fills the columns with a series' samples without stale markers.
    func loadFresh(_ index: Int, into columns: inout SampleColumns) throws(QueryError) {
        try load(index, &columns)
        columns.removeStaleMarkers()
    }
}

extension SampleColumns {
    /// Removes stale markers, which no window counts as samples.
    mutating func removeStaleMarkers() {
        let marker = Sample.staleMarker.bitPattern
        guard var kept = values.firstIndex(where: { $0.bitPattern == marker }) else { return }
        for index in kept..<values.count where values[index].bitPattern != marker {
            values[kept] = values[index]
            times[kept] = times[index]
            kept += 1
        }
        values.removeLast(values.count - kept)
        times.removeLast(times.count - kept)
    }
}

extension Evaluator {
    mutating func rangeInput(_ expression: Expression) throws(QueryError) -> RangeInput {
        switch expression.unwrapped {
        case .rangeSelector(let node):
            let windows = windows(node.selector.shift, range: node.duration)
            let stored = try StoredSeries(
                node.selector, in: windows.sampleRange, store: store, context: context)
            return RangeInput(
                labels: (0..<stored.selection.count).map(stored.selection.labels),
                windows: windows, stored: stored
            ) { index, columns throws(QueryError) in
                try stored.load(index, into: &columns)
            }
        case .subquery(let node): return try subqueryInput(node)
        default: preconditionFailure("BUG: the type checker let a non-range vector pass")
        }
    }

    /// Evaluates the inner expression at every multiple of the subquery's step that some window holds.
    private func subqueryInput(_ node: Subquery) throws(QueryError) -> RangeInput {
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
        let series = try evaluator.vector(node.inner)
        context.release(samples: series.count * inner.count)
        return RangeInput(labels: series.map(\.labels), windows: windows) {
            index, columns throws(QueryError) in
            columns.removeAll()
            for (step, value) in series[index].values.enumerated()
            where StepValue.isPresent(value) {
                columns.times.append(inner.time(step))
                columns.values.append(value)
            }
        }
    }

    /// The samples of a range vector at the single instant of this evaluator.
    mutating func samples(of expression: Expression) throws(QueryError) -> [SampleSeries] {
        let input = try rangeInput(expression)
        let lowest = input.windows.firstEnd &- input.windows.range
        var series: [SampleSeries] = []
        var columns = SampleColumns()
        var held = 0
        defer { context.release(samples: held) }
        for (index, labels) in input.labels.enumerated() {
            try context.check()
            try input.loadFresh(index, into: &columns)
            held += columns.times.count
            try context.hold(samples: columns.times.count)
            let first = columns.times.firstIndex { $0 > lowest } ?? columns.times.count
            let end = columns.times.lastIndex { $0 <= input.windows.firstEnd }.map { $0 + 1 } ?? 0
            guard first < end else { continue }
            series.append(
                SampleSeries(
                    labels: labels, times: Array(columns.times[first..<end]),
                    values: Array(columns.values[first..<end])))
        }
        return series.sorted { $0.labels.comesBefore($1.labels) }
    }
}
