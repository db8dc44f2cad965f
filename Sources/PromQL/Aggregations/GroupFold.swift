import QueryCore
import Synchronization

/// The accumulators of all groups of an aggregation.
final class GroupFold<Accumulator: GroupAccumulator>: Sendable {
    fileprivate struct Group {
        var accumulator: Accumulator
        /// The first series that had a value.
        var firstMember: Int
    }

    private let stepCount: Int
    /// By series.
    private let groupOf: [UInt32]
    private let groups: Mutex<[Group?]>

    init(groupOf: [UInt32], groupCount: Int, stepCount: Int) {
        self.groupOf = groupOf
        self.stepCount = stepCount
        groups = Mutex([Group?](repeating: nil, count: groupCount))
    }

    /// Adds the columns of neighbouring series to their groups; empty columns have no values.
    func add(_ columns: ArraySlice<[Double]>, of series: Range<Int>) {
        groups.withLock { groups in
            for (index, column) in zip(series, columns) where !column.isEmpty {
                groups[Int(groupOf[index])].add(column, member: index, stepCount: stepCount)
            }
        }
    }

    /// The groups that had values, by the first series that had one.
    func results() -> [(group: Int, values: [Double])] {
        var results: [(group: Int, first: Int, values: [Double])] = []
        groups.withLock { groups in
            for index in groups.indices {
                guard let first = groups[index]?.firstMember,
                    let values = groups[index]?.accumulator.result()
                else { continue }
                results.append((index, first, values))
            }
        }
        results.sort { $0.first < $1.first }
        return results.map { ($0.group, $0.values) }
    }
}

extension Optional {
    fileprivate mutating func add<Accumulator: GroupAccumulator>(
        _ values: [Double], member: Int, stepCount: Int
    ) where Wrapped == GroupFold<Accumulator>.Group {
        if case .none = self {
            self = GroupFold<Accumulator>.Group(
                accumulator: Accumulator(stepCount: stepCount), firstMember: member)
        }
        self?.accumulator.add(values)
    }
}

/// Columns on their way from the threads that compute them into the accumulators. They are added in the order
/// of the series, so that results do not depend on the number of threads; whichever thread brings the next
/// ones adds all that are there, and the others go on computing.
final class FoldQueue<Accumulator: GroupAccumulator>: Sendable {
    private struct State {
        /// By the first of their series.
        var waiting: [Int: (series: Range<Int>, columns: [[Double]])] = [:]
        /// The first series that is not added yet.
        var next: Int
        var isAdding = false
        var free: [[[Double]]] = []
    }

    private let groups: GroupFold<Accumulator>
    private let state: Mutex<State>

    /// - Parameter first: the first series that will come.
    init(into groups: GroupFold<Accumulator>, from first: Int) {
        self.groups = groups
        state = Mutex(State(next: first))
    }

    /// Columns that were added, to be filled again; empty ones if there are none.
    func takeBuffers(_ count: Int) -> [[Double]] {
        state.withLock { $0.free.popLast() } ?? [[Double]](repeating: [], count: count)
    }

    /// - Parameter columns: as many as there are series, or more.
    func put(_ columns: [[Double]], of series: Range<Int>) {
        state.withLock { $0.waiting[series.lowerBound] = (series, columns) }
        while let (series, columns) = takeNext() {
            groups.add(columns[..<series.count], of: series)
            state.withLock { state in
                state.isAdding = false
                state.next = series.upperBound
                state.free.append(columns)
            }
        }
    }

    private func takeNext() -> (series: Range<Int>, columns: [[Double]])? {
        state.withLock { state in
            guard !state.isAdding, let next = state.waiting.removeValue(forKey: state.next) else {
                return nil
            }
            state.isAdding = true
            return next
        }
    }
}
