import Dispatch
import Store
import Synchronization

/// Work on blocks spread over a few threads, for queries that look at many of them.
enum Concurrently {
    /// Two: a query must leave cores to the ingest and to other queries.
    static let threads = 2

    /// The results of `work` for each of `0..<count`, in that order. One of the errors is thrown if there
    /// are any.
    static func map<T: Sendable>(
        _ count: Int, _ work: @Sendable (Int) throws(StoreError) -> T
    ) throws(StoreError) -> [T] {
        guard count > 1 else { return count == 1 ? [try work(0)] : [] }
        let results = Mutex([Result<T, StoreError>?](repeating: nil, count: count))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(threads, count)) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                let result = Result { () throws(StoreError) in try work(index) }
                results.withLock { $0[index] = result }
            }
        }
        var values: [T] = []
        values.reserveCapacity(count)
        for result in results.withLock({ $0 }) {
            if let result { values.append(try result.get()) }
        }
        return values
    }
}
