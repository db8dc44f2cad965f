import QueryCore
import Store
import Telemetry

/// Counts lines, or their bytes, in the window that ends at each step: those with a time in
/// `(step - interval, step]`. A line touches two counters, however many windows it is in: differences
/// are added up at the end.
struct WindowCounter: FieldConsumer, SharedConsumer {
    private let steps: EvaluationSteps
    private let query: WindowQuery
    private let grouping: LabelGrouping?
    private let context: QueryContext
    /// Nanoseconds.
    private let stepLength: Int64
    private var labels: [Labels] = []
    private var indices: [Labels: Int] = [:]
    /// Differences of the number of lines and of what is counted, `steps.count + 1` a series.
    private var lineChanges: [Int] = []
    private var changes: [Int] = []
    /// The differences that are not zero are among these, of each series.
    private var touched: Range<Int>?
    private var heldSamples = 0

    /// - Parameter grouping: labels to count by; `nil` counts by all.
    init(
        _ query: WindowQuery, at steps: EvaluationSteps, by grouping: LabelGrouping?,
        context: QueryContext
    ) {
        self.steps = steps
        self.query = query
        self.grouping = grouping
        self.context = context
        let (length, overflow) = steps.step.multipliedReportingOverflow(by: 1_000_000)
        stepLength = overflow ? .max : length
    }

    /// What has to be read.
    var range: TimeRange { query.range(at: steps) }

    func wants(_ time: Timestamp) -> Bool { true }

    func isComplete(whenRestIsBeyond bound: Timestamp) -> Bool { false }

    mutating func take(
        _ batch: borrowing LogBatch, row: Int, labels: inout LineLabels
    ) throws(QueryError) {
        try labels.throwFailure()
        guard let windows = windows(of: batch.times[row]) else { return }
        let key =
            grouping.map { $0.key(&labels, batch, row: row) } ?? labels.counted(batch, row: row)
        add(1, bytes: labels.lineByteCount, to: try series(key), windows)
    }

    mutating func take(
        _ batch: LogFieldBatch, rows: [Int32], _ plan: FieldPlan
    ) throws(QueryError) -> FieldTake {
        let sizes = query.function.countsBytes ? batch.lineByteCounts : []
        guard let sizes else { return .needsAll }
        guard let grouping, grouping.isBy else {
            guard !plan.isParsed else { return .needsAll }
            try countByStream(batch, rows, sizes)
            return .done
        }
        guard var groups = CodeGroups(grouping.names, batch, plan) else { return .needsAll }
        try count(batch, rows, sizes) { row, counter throws(QueryError) in
            try groups.group(of: row, batch) { labels throws(QueryError) in
                try counter.series(labels)
            }
        }
        return .done
    }

    /// The labels of the lines are those of their streams.
    private mutating func countByStream(
        _ batch: LogFieldBatch, _ rows: [Int32], _ sizes: [UInt32]
    ) throws(QueryError) {
        let grouping = grouping
        var known = [Int?](repeating: nil, count: batch.streams.count)
        try count(batch, rows, sizes) { row, counter throws(QueryError) in
            let stream = Int(batch.resourceIndices[row])
            if let series = known[stream] { return series }
            let labels = batch.streams[stream]
            let series = try counter.series(grouping?.key(of: labels) ?? labels)
            known[stream] = series
            return series
        }
    }

    private typealias SeriesOfRow = (Int, inout WindowCounter) throws(QueryError) -> Int

    private mutating func count(
        _ batch: LogFieldBatch, _ rows: [Int32], _ sizes: [UInt32], _ seriesOf: SeriesOfRow
    ) throws(QueryError) {
        if steps.count == 1 {
            try countAll(rows, sizes, seriesOf)
        } else {
            try countEach(batch, rows, sizes, seriesOf)
        }
    }

    /// - Parameter sizes: bytes of the line of each row, if they count.
    private mutating func countEach(
        _ batch: LogFieldBatch, _ rows: [Int32], _ sizes: [UInt32], _ seriesOf: SeriesOfRow
    ) throws(QueryError) {
        // Rows are mostly in order of time, many of them in the same windows.
        var known: ClosedRange<Int>?
        var span: (first: Int64, last: Int64) = (.max, .min)
        for row in rows {
            let time = batch.times[Int(row)]
            if time < span.first || time > span.last {
                known = windows(of: Timestamp(nanoseconds: time))
                span = (time, lastTime(inWindowsOf: time))
            }
            guard let windows = known else { continue }
            let series = try seriesOf(Int(row), &self)
            add(1, bytes: sizes.isEmpty ? 0 : Int(sizes[Int(row)]), to: series, windows)
        }
    }

    /// All rows are in the one window there is.
    private mutating func countAll(
        _ rows: [Int32], _ sizes: [UInt32], _ seriesOf: SeriesOfRow
    ) throws(QueryError) {
        var counts: [(lines: Int, bytes: Int)] = []
        for row in rows {
            let series = try seriesOf(Int(row), &self)
            while counts.count <= series { counts.append((0, 0)) }
            counts[series].lines += 1
            if !sizes.isEmpty { counts[series].bytes += Int(sizes[Int(row)]) }
        }
        for (series, count) in counts.enumerated() where count.lines > 0 {
            add(count.lines, bytes: count.bytes, to: series, 0...0)
        }
    }

    /// The steps whose windows a line of that time is in.
    func windows(of time: Timestamp) -> ClosedRange<Int>? {
        let age = time.advanced(byNanoseconds: query.offset)
            .nanoseconds(since: Timestamp(milliseconds: steps.start))
        let first = age <= 0 ? 0 : (age - 1) / stepLength + 1
        let (lastAge, overflow) = age.addingReportingOverflow(query.interval - 1)
        guard lastAge >= 0 else { return nil }
        let last = min((overflow ? .max : lastAge) / stepLength, Int64(steps.count - 1))
        return first <= last ? Int(first)...Int(last) : nil
    }

    /// The last instant, from `time` on, that is in the same windows; `time` if that is not simple.
    private func lastTime(inWindowsOf time: Int64) -> Int64 {
        let start = Timestamp(milliseconds: steps.start)
        let age = Timestamp(nanoseconds: time).advanced(byNanoseconds: query.offset)
            .nanoseconds(since: start)
        let (lastAge, overflow) = age.addingReportingOverflow(query.interval - 1)
        guard age > 0, !overflow, stepLength < 1 << 62, stepLength > 0 else { return time }
        // Until the next step begins, and until the next window takes in the line.
        let toStep = (stepLength - age % stepLength) % stepLength
        let toWindow = stepLength - 1 - lastAge % stepLength
        return time &+ min(toStep, toWindow)
    }

    func fork() -> WindowCounter { WindowCounter(query, at: steps, by: grouping, context: context) }

    mutating func merge(_ other: WindowCounter) throws(QueryError) {
        let size = steps.count + 1
        guard let touched = other.touched else { return }
        touch(touched)
        for (index, key) in other.labels.enumerated() {
            let (mine, theirs) = (try series(key) * size, index * size)
            for step in touched {
                lineChanges[mine + step] += other.lineChanges[theirs + step]
                changes[mine + step] += other.changes[theirs + step]
            }
        }
    }

    /// Counts lines into the windows of a series.
    mutating func add(_ lines: Int, bytes: Int, to series: Int, _ windows: ClosedRange<Int>) {
        let base = series * (steps.count + 1)
        let amount = query.function.countsBytes ? bytes : lines
        lineChanges[base + windows.lowerBound] += lines
        lineChanges[base + windows.upperBound + 1] -= lines
        changes[base + windows.lowerBound] += amount
        changes[base + windows.upperBound + 1] -= amount
        touch(windows.lowerBound..<(windows.upperBound + 2))
    }

    private mutating func touch(_ places: Range<Int>) {
        guard let touched else { return self.touched = places }
        self.touched =
            min(touched.lowerBound, places.lowerBound)..<max(touched.upperBound, places.upperBound)
    }

    mutating func series(_ key: Labels) throws(QueryError) -> Int {
        if let index = indices[key] { return index }
        let index = labels.count
        guard index < context.limits.seriesMax else {
            throw .execution(
                "maximum of series (\(context.limits.seriesMax)) reached for a single query")
        }
        let size = 2 * (steps.count + 1)
        try context.hold(samples: size)
        heldSamples += size
        indices[key] = index
        labels.append(key)
        lineChanges.append(contentsOf: repeatElement(0, count: steps.count + 1))
        changes.append(contentsOf: repeatElement(0, count: steps.count + 1))
        return index
    }

    func release() { context.release(samples: heldSamples) }

    /// In order of first appearance; no value where a window holds no line.
    func results() -> [StepSeries] {
        let seconds = Double(query.interval) / 1e9
        return labels.indices.map { series in
            var values = [Double](repeating: StepValue.absent, count: steps.count)
            var lines = 0
            var amount = 0
            let base = series * (steps.count + 1)
            for step in 0..<steps.count {
                lines += lineChanges[base + step]
                amount += changes[base + step]
                guard lines > 0 else { continue }
                let value = Double(amount)
                values[step] = query.function.isPerSecond ? value / seconds : value
            }
            return StepSeries(labels: labels[series], values: values)
        }
    }
}

extension WindowQuery {
    /// The times of the lines in the windows of all steps.
    func range(at steps: EvaluationSteps) -> TimeRange {
        let start = Timestamp(milliseconds: steps.start).advanced(byNanoseconds: -interval)
        let end = Timestamp(milliseconds: steps.end)
        return TimeRange(
            start: start.advanced(byNanoseconds: -offset).advanced(byNanoseconds: 1),
            end: end.advanced(byNanoseconds: -offset).advanced(byNanoseconds: 1))
    }
}

extension LineLabels {
    /// Numbers of lines on which a stage failed mean nothing: the query has to say what it wants.
    func throwFailure() throws(QueryError) {
        guard let failure else { return }
        throw .badData(
            "pipeline error: '\(failure.rawValue)' for series: '\(all)'.\n"
                + "Use a label filter to intentionally skip this error. (e.g | "
                + "__error__!=\"\(failure.rawValue)\").\n"
                + "To skip all potential errors you can match empty errors.(e.g __error__=\"\")")
    }
}
