import Dispatch
import QueryCore
import Store
import Synchronization

/// Runs a computation for every series of a selection, each giving a column of steps or nothing, on as
/// many threads as the engine allows. Checks the deadline once a series and accounts for what is held
/// while it runs.
struct SeriesLoop: Sendable {
    let count: Int
    let stepCount: Int
    let context: QueryContext
    let concurrency: Int

    /// Fewer series than this are not worth a second thread (waking one costs about 10 µs).
    private static let parallelMin = 32

    typealias Body =
        @Sendable (_ index: Int, _ samples: inout SampleColumns) throws(QueryError)
        -> [Double]

    /// - Returns: a column a series, in order; an empty one where there is no value.
    func run(_ body: Body) throws(QueryError) -> [[Double]] {
        guard concurrency > 1, count >= Self.parallelMin else {
            return try runSlice(0..<count, body)
        }
        let slices = Mutex<[Int: [[Double]]]>([:])
        let failure = Mutex<QueryError?>(nil)
        let size = (count + concurrency - 1) / concurrency
        DispatchQueue.concurrentPerform(iterations: concurrency) { worker in
            let slice = min(worker * size, count)..<min((worker + 1) * size, count)
            do throws(QueryError) {
                let columns = try runSlice(slice, body)
                slices.withLock { $0[worker] = columns }
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return slices.withLock { slices in
            (0..<concurrency).flatMap { slices[$0] ?? [] }
        }
    }

    private func runSlice(_ slice: Range<Int>, _ body: Body) throws(QueryError) -> [[Double]] {
        var columns: [[Double]] = []
        columns.reserveCapacity(slice.count)
        var samples = SampleColumns()
        var held = 0
        defer { context.release(samples: held) }
        for index in slice {
            try context.check()
            // Before the column is allocated, so that the limit bounds memory.
            try context.hold(samples: stepCount)
            held += stepCount
            let column = try body(index, &samples)
            if column.isEmpty {
                held -= stepCount
                context.release(samples: stepCount)
            }
            columns.append(column)
        }
        return columns
    }
}
