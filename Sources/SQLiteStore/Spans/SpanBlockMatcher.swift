import ColumnEncoding
import Store
import Telemetry

/// Finds the rows of a block that satisfy a predicate, decoding only the columns that it names: those
/// that are cheap first, and none more once no row is left.
struct SpanBlockMatcher {
    private let block: BlockInfo
    private let reader: SpanBlockReader
    /// Rows that satisfy what has been looked at; `nil`: all.
    private var left: [Int32]?

    /// The rows, ascending.
    static func rows(
        _ predicate: SpanPredicate, in range: TimeRange, of block: BlockInfo,
        _ reader: SpanBlockReader
    ) throws(ColumnDecodeError) -> [Int] {
        var matcher = SpanBlockMatcher(block: block, reader: reader)
        for condition in predicate.conditions.sorted(by: { $0.cost < $1.cost }) {
            let rows = try matcher.rows(condition)
            if rows.isEmpty { return [] }
            matcher.left = rows
        }
        let isInside =
            range.contains(block.bounds.lowerBound) && range.contains(block.bounds.upperBound)
        if !isInside {
            let starts = try reader.starts()
            matcher.left = matcher.keep { range.contains(starts[$0]) }
        }
        return matcher.left.map { $0.map { Int($0) } } ?? Array(0..<reader.rows)
    }

    private init(block: BlockInfo, reader: SpanBlockReader) {
        self.block = block
        self.reader = reader
    }

    /// Those of the rows left that satisfy the condition.
    private func rows(_ condition: SpanCondition) throws(ColumnDecodeError) -> [Int32] {
        switch condition {
        case .service(let service): return try reader.rows(ofService: service, among: left)
        case .name(let name): return try reader.rows(ofName: name, among: left)
        case .kind(let kind):
            let kinds = try reader.kinds()
            return keep { kinds[$0] == kind.rawValue }
        case .status(let status):
            let statuses = try reader.statuses()
            return keep { statuses[$0] == status.rawValue }
        case .durationAtLeast(let bound):
            let durations = try reader.durations()
            return keep { durations[$0] >= bound }
        case .durationAtMost(let bound):
            let durations = try reader.durations()
            return keep { durations[$0] <= bound }
        case .root:
            let roots = try reader.roots()
            return keep { roots[$0] }
        case .attribute(let scope, let key, let test):
            let test = test.prepared
            var united: [Int32] = []
            for place in SpanPruning.places(scope, key: key, in: block) {
                let found = try reader.rows(where: place, key: key, test, among: left)
                united = RowSelection.union(united, found)
            }
            return united
        }
    }

    private func keep(where isKept: (Int) -> Bool) -> [Int32] {
        RowSelection.filter(left, count: reader.rows, isKept)
    }
}
