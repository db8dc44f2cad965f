import QueryCore
import Store
import Telemetry

/// Keeps the values unwrapped from lines, by series, and computes functions of their windows: those with
/// a time in `(step - interval, step]`.
struct WindowSamples: FieldConsumer {
    struct Series {
        var labels: Labels
        /// Nanoseconds. One entry a value each, in order of the scan.
        var times: [Int64] = []
        var values: [Double] = []
        var isSorted = true
    }

    private let query: WindowQuery
    private let steps: EvaluationSteps
    private let reader: ValueReader
    private let grouping: LabelGrouping
    private let context: QueryContext
    private var series: [Series] = []
    private var indices: [Labels: Int] = [:]
    /// What is kept instead of values, where it is enough.
    private var tally: ValueTally?
    private var heldSamples = 0

    /// - Parameter grouping: labels that make a series.
    init(
        _ query: WindowQuery, _ unwrap: Unwrap, at steps: EvaluationSteps,
        by grouping: LabelGrouping,
        context: QueryContext
    ) throws(QueryError) {
        self.query = query
        self.steps = steps
        self.grouping = grouping
        self.context = context
        tally = query.function == .quantileOverTime && steps.count == 1 ? ValueTally() : nil
        do throws(ExpressionError) {
            reader = try ValueReader(unwrap)
        } catch {
            throw .badData(error.reason)
        }
    }

    var range: TimeRange { query.range(at: steps) }

    func wants(_ time: Timestamp) -> Bool { true }

    func isComplete(whenRestIsBeyond bound: Timestamp) -> Bool { false }

    mutating func take(
        _ batch: borrowing LogBatch, row: Int, labels: inout LineLabels
    ) throws(QueryError) {
        guard let value = reader.value(&labels, batch, row: row) else { return }
        try labels.throwFailure()
        let number = try index(of: grouping.key(&labels, batch, row: row))
        if let known = tally?.valueCount {
            tally?.add(value, to: number)
            return try hold(2 * ((tally?.valueCount ?? known) - known))
        }
        add(value, at: batch.times[row].nanoseconds, to: number)
        try hold(2)
    }

    mutating func take(
        _ batch: LogFieldBatch, rows: [Int32], _ plan: FieldPlan
    ) throws(QueryError) -> FieldTake {
        guard grouping.isBy, let column = plan.column(of: reader.label),
            var groups = CodeGroups(grouping.names, batch, plan)
        else { return .needsAll }
        let texts = batch.columns[column]
        let values = (0..<texts.codeCount).map { code in
            texts.withText(code) { reader.convert($0) }
        }
        // A value that is none is an error, which needs the whole record.
        guard values.dropFirst().allSatisfy({ $0 != nil }) else { return .needsAll }
        guard tally == nil else {
            try count(rows, texts, values, batch, &groups)
            return .done
        }
        try hold(2 * rows.count)
        for row in rows {
            let code = Int(texts.codes[Int(row)])
            guard code > 0, let value = values[code] else { continue }
            let number = try groups.group(of: Int(row), batch) { labels throws(QueryError) in
                try index(of: labels)
            }
            add(value, at: batch.times[Int(row)], to: number)
        }
        return .done
    }

    private mutating func count(
        _ rows: [Int32], _ texts: LogFieldColumn, _ values: [Double?], _ batch: LogFieldBatch,
        _ groups: inout CodeGroups
    ) throws(QueryError) {
        var codes: [Int] = []
        var numbers: [Int32] = []
        codes.reserveCapacity(rows.count)
        numbers.reserveCapacity(rows.count)
        for row in rows where texts.codes[Int(row)] > 0 {
            codes.append(Int(texts.codes[Int(row)]))
            let number = try groups.group(of: Int(row), batch) { labels throws(QueryError) in
                try index(of: labels)
            }
            numbers.append(Int32(truncatingIfNeeded: number))
        }
        let before = tally?.valueCount ?? 0
        tally?.add(codes: codes, values, series: numbers, seriesCount: series.count)
        try hold(((tally?.valueCount ?? 0) - before) * (series.count + 1))
    }

    @inline(__always)
    mutating func add(_ value: Double, at time: Int64, to number: Int) {
        if let last = series[number].times.last, last > time { series[number].isSorted = false }
        series[number].times.append(time)
        series[number].values.append(value)
    }

    mutating func hold(_ samples: Int) throws(QueryError) {
        heldSamples += samples
        try context.hold(samples: samples)
    }

    mutating func index(of key: Labels) throws(QueryError) -> Int {
        if let index = indices[key] { return index }
        guard series.count < context.limits.seriesMax else {
            throw .execution(
                "maximum of series (\(context.limits.seriesMax)) reached for a single query")
        }
        try hold(steps.count)
        indices[key] = series.count
        series.append(Series(labels: key))
        return series.count - 1
    }

    func release() { context.release(samples: heldSamples) }

    /// In order of first appearance; no value where a window holds no line.
    mutating func results() throws(QueryError) -> [StepSeries] {
        if let tally {
            let values = tally.quantiles(query.parameter ?? 0)
            return zip(series, values).map { series, value in
                StepSeries(labels: series.labels, values: [value ?? StepValue.absent])
            }
        }
        var results: [StepSeries] = []
        var function = WindowReduction(query)
        for number in series.indices {
            try context.check()
            series[number].sort()
            results.append(
                StepSeries(
                    labels: series[number].labels, values: windows(of: series[number], &function)))
        }
        return results
    }

    private func windows(of series: Series, _ function: inout WindowReduction) -> [Double] {
        var values = [Double](repeating: StepValue.absent, count: steps.count)
        var first = 0
        var end = 0
        for step in 0..<steps.count {
            let last = Timestamp(milliseconds: steps.time(step))
                .advanced(byNanoseconds: -query.offset)
            let start = last.advanced(byNanoseconds: -query.interval)
            while end < series.times.count, series.times[end] <= last.nanoseconds { end += 1 }
            while first < end, series.times[first] <= start.nanoseconds { first += 1 }
            guard first < end else { continue }
            values[step] = function.value(
                series.times[first..<end], series.values[first..<end], start: start.nanoseconds,
                end: last.nanoseconds)
        }
        return values
    }
}

extension WindowSamples.Series {
    /// By time; values of one time stay in their order.
    fileprivate mutating func sort() {
        guard !isSorted else { return }
        let order = times.indices.sorted { a, b in
            times[a] == times[b] ? a < b : times[a] < times[b]
        }
        times = order.map { times[$0] }
        values = order.map { values[$0] }
        isSorted = true
    }
}
