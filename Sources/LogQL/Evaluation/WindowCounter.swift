import QueryCore
import Store
import Telemetry

/// Counts lines, or their bytes, in the window that ends at each step: those with a time in
/// `(step - interval, step]`. A line touches two counters, however many windows it is in: differences
/// are added up at the end.
struct WindowCounter: LineConsumer {
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
    var range: TimeRange {
        let start = Timestamp(milliseconds: steps.start).advanced(byNanoseconds: -query.interval)
        let end = Timestamp(milliseconds: steps.end)
        return TimeRange(
            start: start.advanced(byNanoseconds: -query.offset).advanced(byNanoseconds: 1),
            end: end.advanced(byNanoseconds: -query.offset).advanced(byNanoseconds: 1))
    }

    func wants(_ time: Timestamp) -> Bool { true }

    func isComplete(whenRestIsBeyond bound: Timestamp) -> Bool { false }

    mutating func take(
        _ batch: borrowing LogBatch, row: Int, labels: inout LineLabels
    ) throws(QueryError) {
        if let failure = labels.failure {
            throw .execution(
                "pipeline error: '\(failure.rawValue)' for series: '\(labels.all)'.\n"
                    + "Use a label filter to intentionally skip this error. (e.g | "
                    + "__error__!=\"\(failure.rawValue)\").\n"
                    + "To skip all potential errors you can match empty errors.(e.g __error__=\"\")"
            )
        }
        let age = batch.times[row].advanced(byNanoseconds: query.offset)
            .nanoseconds(since: Timestamp(milliseconds: steps.start))
        let first = age <= 0 ? 0 : (age - 1) / stepLength + 1
        let (lastAge, overflow) = age.addingReportingOverflow(query.interval - 1)
        guard lastAge >= 0 else { return }
        let last = min((overflow ? .max : lastAge) / stepLength, Int64(steps.count - 1))
        guard first <= last else { return }
        let key = grouping.map { $0.key(&labels, batch, row: row) } ?? labels.all
        let base = try series(key) * (steps.count + 1)
        let amount = query.function.countsBytes ? labels.lineByteCount : 1
        lineChanges[base + Int(first)] += 1
        lineChanges[base + Int(last) + 1] -= 1
        changes[base + Int(first)] += amount
        changes[base + Int(last) + 1] -= amount
    }

    private mutating func series(_ key: Labels) throws(QueryError) -> Int {
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
