import QueryCore
import Store
import Synchronization
import Telemetry

/// Counts, step by step, the samples that a query looks at, for those who ask for its statistics: for an
/// instant selector one a series that has a value, for a range vector all samples of the window. A histogram
/// counts as many as it weighs. As in Prometheus, what is computed from aggregates would count the same.
package final class SampleTally: Sendable {
    package struct Counts: Hashable, Sendable {
        package var total = 0
        /// Without those that the window of the step before held already.
        package var read = 0
    }

    private let counts: Mutex<[Counts]>

    package init() { counts = Mutex([Counts()]) }

    init(stepCount: Int) { counts = Mutex([Counts](repeating: Counts(), count: stepCount)) }

    /// One entry a step.
    package var steps: [Counts] { counts.withLock { $0 } }

    /// Of all steps.
    package var sum: Counts {
        steps.reduce(into: Counts()) {
            $0.total += $1.total
            $0.read += $1.read
        }
    }

    /// Starts anew for a query of so many steps.
    func begin(_ stepCount: Int) {
        counts.withLock { $0 = [Counts](repeating: Counts(), count: stepCount) }
    }

    /// The values of an instant selector.
    func add(_ column: StepColumn) {
        counts.withLock { counts in
            for (step, value) in column.values.enumerated() where StepValue.isPresent(value) {
                let histogram = column.histograms.isEmpty ? nil : column.histograms[step]
                counts[step].total += histogram?.weight ?? 1
                counts[step].read += histogram?.weight ?? 1
            }
        }
    }

    /// The windows of a range vector over a series.
    /// - Parameter areRead: false for what a subquery yielded, which has counted what it read.
    func add(_ windows: Windows, over samples: SampleColumns, areRead: Bool = true) {
        add(windows, areRead, samples.times.count, { samples.times[$0] }, { _ in 1 })
        add(
            windows, areRead, samples.histograms.count, { samples.histograms[$0].time },
            { HistogramValue.weight(of: samples.histograms[$0].histogram) })
    }

    private func add(
        _ windows: Windows, _ areRead: Bool, _ count: Int, _ time: (Int) -> Int64,
        _ weight: (Int) -> Int
    ) {
        guard count > 0 else { return }
        var sums = [0]
        for index in 0..<count { sums.append(sums[index] + weight(index)) }
        counts.withLock { counts in
            var window = 0..<0
            for step in 0..<windows.count {
                let end = windows.end(step)
                let next = windows.advance(window, end &- windows.range, end, count, time)
                counts[step].total += sums[next.upperBound] - sums[next.lowerBound]
                guard areRead else {
                    window = next
                    continue
                }
                let first = max(next.lowerBound, min(window.upperBound, next.upperBound))
                counts[step].read += sums[next.upperBound] - sums[first]
                window = next
            }
        }
    }

    /// What was evaluated once for all steps: looked at by each of them, read by the first.
    func addOnce(_ part: SampleTally?) {
        guard let sum = part?.sum else { return }
        counts.withLock { counts in
            for step in counts.indices { counts[step].total += sum.total }
            counts[0].read += sum.read
        }
    }

    /// What a subquery has read for a function: at the first of the function's steps whose window holds it. What
    /// no window holds does not count, and what is looked at are the windows over what it yields.
    /// - Parameters:
    ///   - shift: how far the windows lie back.
    ///   - range: of the windows.
    func addReads(
        of part: SampleTally?, at inner: EvaluationSteps, shift: Int64, range: Int64,
        for outer: EvaluationSteps
    ) {
        guard let part else { return }
        let reads = part.steps.map(\.read)
        counts.withLock { counts in
            guard counts.count > 1 else {
                counts[0].read += reads.reduce(0, +)
                return
            }
            for (index, read) in reads.enumerated() where read > 0 {
                let time = inner.time(index) &+ shift
                let after = (max(0, time &- outer.start) &+ outer.step &- 1) / outer.step
                let step = min(Int(after), counts.count - 1)
                if time > outer.time(step) &- range { counts[step].read += read }
            }
        }
    }

    /// What a part of the query that was evaluated apart has looked at.
    func add(_ part: SampleTally?, at step: Int) {
        guard let sum = part?.sum else { return }
        counts.withLock { counts in
            guard counts.indices.contains(step) else { return }
            counts[step].total += sum.total
            counts[step].read += sum.read
        }
    }
}
