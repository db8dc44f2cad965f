import QueryCore
import Synchronization
import Telemetry

/// The accumulators of all groups of an aggregation, dealt out to shards so that threads can work on
/// different groups without meeting. Each group sees its series in order, whichever thread folds them.
final class GroupShards<Accumulator: GroupAccumulator>: Sendable {
    fileprivate struct Group {
        var accumulator: Accumulator
        /// The first series that had a value.
        var firstMember: Int
    }

    /// `@unchecked Sendable`: `groups` is touched only under `lock`.
    private final class Shard: @unchecked Sendable {
        let lock = Mutex(())
        /// By group number divided by the number of shards.
        var groups: [Group?]

        init(count: Int) { groups = [Group?](repeating: nil, count: count) }
    }

    let groupCount: Int
    private let stepCount: Int
    /// By series.
    private let groupOf: [UInt32]
    private let shards: [Shard]

    var shardCount: Int { shards.count }

    init(groupOf: [UInt32], groupCount: Int, stepCount: Int, shardCount: Int) {
        self.groupOf = groupOf
        self.groupCount = groupCount
        self.stepCount = stepCount
        let shardCount = max(1, min(shardCount, groupCount))
        shards = (0..<shardCount).map { _ in Shard(count: groupCount / shardCount + 1) }
    }

    /// Adds the columns of `round` that belong to a shard's groups; empty columns have no values.
    func fold(_ round: Range<Int>, _ columns: [[Double]], shard number: Int) {
        let shard = shards[number]
        shard.lock.withLock { _ in
            for index in round where !columns[index - round.lowerBound].isEmpty {
                let group = Int(groupOf[index])
                guard group % shards.count == number else { continue }
                shard.groups[group / shards.count].add(
                    columns[index - round.lowerBound], member: index, stepCount: stepCount)
            }
        }
    }

    /// The groups that had values, by the first series that had one.
    func results() -> [(group: Int, values: [Double])] {
        var results: [(group: Int, first: Int, values: [Double])] = []
        for (number, shard) in shards.enumerated() {
            shard.lock.withLock { _ in
                for index in shard.groups.indices {
                    guard let first = shard.groups[index]?.firstMember,
                        let values = shard.groups[index]?.accumulator.result()
                    else { continue }
                    results.append((index * shards.count + number, first, values))
                }
            }
        }
        results.sort { $0.first < $1.first }
        return results.map { ($0.group, $0.values) }
    }
}

extension Optional {
    fileprivate mutating func add<Accumulator: GroupAccumulator>(
        _ values: [Double], member: Int, stepCount: Int
    ) where Wrapped == GroupShards<Accumulator>.Group {
        if case .none = self {
            self = GroupShards<Accumulator>.Group(
                accumulator: Accumulator(stepCount: stepCount), firstMember: member)
        }
        self?.accumulator.add(values)
    }
}
