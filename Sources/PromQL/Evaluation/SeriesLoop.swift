import Dispatch
import QueryCore
import Store
import Synchronization

/// Runs a computation for every series of a selection on as many threads as the engine allows. Checks
/// the deadline once a series and accounts for what is held while it runs. What comes out does not
/// depend on the number of threads.
struct SeriesLoop: Sendable {
    let stepCount: Int
    let context: QueryContext
    let concurrency: Int

    /// Fewer series than this are not worth a second thread (waking one costs about 10 µs).
    private static let parallelMin = 16
    /// Neighbours that one thread computes: the series of a target share what is decoded.
    private static let runLength = 16

    /// - Returns: a column a series, in order; an empty one where there is no value.
    func columns(_ input: SeriesColumns) throws(QueryError) -> [StepColumn] {
        let count = input.labels.count
        let output = Mutex([StepColumn](repeating: StepColumn(values: []), count: count))
        try forEachRun(of: 0..<count) { run, samples throws(QueryError) in
            for index in run {
                try context.check()
                // Before the column is allocated, so that the limit bounds memory.
                try context.hold(samples: stepCount)
                var column = StepColumn(
                    values: [Double](repeating: StepValue.absent, count: stepCount))
                if try input.body(index, &samples, &column) {
                    output.withLock { $0[index] = column }
                } else {
                    context.release(samples: stepCount)
                }
            }
        }
        let columns = output.withLock { output in
            var taken: [StepColumn] = []
            swap(&taken, &output)
            return taken
        }
        context.release(samples: stepCount * columns.count { !$0.isEmpty })
        return columns
    }

    /// Folds all columns into `groups`, the columns of a group in the order of the series. Only columns that
    /// wait for earlier ones are held, at most those of one round.
    /// - Parameter input: without histograms.
    func fold<Accumulator: GroupAccumulator>(
        _ input: SeriesColumns, into groups: GroupFold<Accumulator>
    ) throws(QueryError) {
        let count = input.labels.count
        let roundLength = min(count, Self.roundLength(stepCount))
        try context.hold(samples: roundLength * stepCount)
        defer { context.release(samples: roundLength * stepCount) }
        var start = 0
        while start < count {
            let round = start..<min(start + roundLength, count)
            try foldRound(round, input, FoldQueue(into: groups, from: start))
            start = round.upperBound
        }
    }

    /// Series of one round: few rounds, each of at most 16 MB.
    private static func roundLength(_ stepCount: Int) -> Int {
        max(runLength, min(4_096, 2_097_152 / max(1, stepCount)))
    }

    /// A column without values is left empty.
    private func foldRound<Accumulator: GroupAccumulator>(
        _ round: Range<Int>, _ input: SeriesColumns, _ queue: FoldQueue<Accumulator>
    ) throws(QueryError) {
        try forEachRun(of: round) { run, samples throws(QueryError) in
            var buffers = queue.takeBuffers(Self.runLength)
            for index in run {
                try context.check()
                var column = StepColumn(values: [])
                swap(&column.values, &buffers[index - run.lowerBound])
                column.values.removeAll(keepingCapacity: true)
                column.values.append(
                    contentsOf: repeatElement(StepValue.absent, count: stepCount))
                if try !input.body(index, &samples, &column) {
                    column.values.removeAll(keepingCapacity: true)
                }
                swap(&column.values, &buffers[index - run.lowerBound])
            }
            queue.put(buffers, of: run)
        }
    }

    /// Hands out runs of neighbouring series to the threads, first come, first served.
    /// - Parameter body: also gets columns that the thread uses for all of its series.
    private func forEachRun(
        of series: Range<Int>,
        _ body: @Sendable (Range<Int>, inout SampleColumns) throws(QueryError) -> Void
    ) throws(QueryError) {
        let runs = (series.count + Self.runLength - 1) / Self.runLength
        @Sendable func run(_ number: Int) -> Range<Int> {
            let start = series.lowerBound + number * Self.runLength
            return start..<min(start + Self.runLength, series.upperBound)
        }
        guard concurrency > 1, series.count >= Self.parallelMin, runs > 1 else {
            var samples = SampleColumns()
            for number in 0..<runs { try body(run(number), &samples) }
            return
        }
        let next = Atomic<Int>(0)
        let failure = Mutex<(run: Int, error: QueryError)?>(nil)
        DispatchQueue.concurrentPerform(iterations: min(concurrency, runs)) { _ in
            var samples = SampleColumns()
            while true {
                let number = next.add(1, ordering: .relaxed).oldValue
                guard number < runs else { return }
                do throws(QueryError) {
                    try body(run(number), &samples)
                } catch {
                    // The others stop at their next run; of several failures the first run's counts.
                    next.store(runs, ordering: .relaxed)
                    failure.withLock { known in
                        if known.map({ number < $0.run }) ?? true { known = (number, error) }
                    }
                    return
                }
            }
        }
        if let failure = failure.withLock({ $0 }) { throw failure.error }
    }
}
