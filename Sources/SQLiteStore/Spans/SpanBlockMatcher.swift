import ColumnEncoding
import Store
import Telemetry

/// Finds the rows of a block that satisfy a predicate, decoding only the columns that it names: those
/// that are cheap first, and none more once no row is left.
struct SpanBlockMatcher {
    private let block: BlockInfo
    private let reader: SpanBlockReader
    /// Rows that satisfy what has been looked at; `nil`: all.
    private var flags: [Bool]?

    /// The rows, ascending.
    static func rows(
        _ predicate: SpanPredicate, in range: TimeRange, of block: BlockInfo,
        _ reader: SpanBlockReader
    ) throws(ColumnDecodeError) -> [Int] {
        var matcher = SpanBlockMatcher(block: block, reader: reader)
        let conditions = predicate.conditions.sorted { cost($0) < cost($1) }
        for condition in conditions {
            guard try matcher.apply(condition) else { return [] }
        }
        let isInside =
            range.contains(block.bounds.lowerBound) && range.contains(block.bounds.upperBound)
        if !isInside {
            let starts = try reader.starts()
            guard matcher.keep(where: { range.contains(starts[$0]) }) else { return [] }
        }
        guard let flags = matcher.flags else { return Array(0..<reader.rows) }
        return flags.indices.filter { flags[$0] }
    }

    private init(block: BlockInfo, reader: SpanBlockReader) {
        self.block = block
        self.reader = reader
    }

    /// What is decoded for it, roughly, in columns.
    private static func cost(_ condition: SpanCondition) -> Int {
        switch condition {
        case .service: 0
        case .name: 1
        case .status: 2
        case .kind: 3
        case .durationAtLeast, .durationAtMost: 4
        case .root: 5
        case .attribute: 6
        }
    }

    /// Returns whether a row is left.
    private mutating func apply(_ condition: SpanCondition) throws(ColumnDecodeError) -> Bool {
        switch condition {
        case .service(let service): return keep(try reader.rows(ofService: service))
        case .name(let name): return keep(try reader.rows(ofName: name))
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
            return keep(try rows(scope, key, test.prepared))
        }
    }

    private func rows(
        _ scope: AttributeScope, _ key: String, _ test: AttributeValueTest
    ) throws(ColumnDecodeError) -> [Bool]? {
        var united: [Bool]?
        for place in SpanPruning.places(scope, key: key, in: block) {
            guard let found = try reader.rows(where: place, key: key, test) else { continue }
            guard var all = united else {
                united = found
                continue
            }
            for row in all.indices where found[row] { all[row] = true }
            united = all
        }
        return united
    }

    private mutating func keep(_ found: [Bool]?) -> Bool {
        guard let found else { return false }
        guard flags != nil else {
            flags = found
            return found.contains(true)
        }
        return keep { found[$0] }
    }

    private mutating func keep(where isKept: (Int) -> Bool) -> Bool {
        var isAnyLeft = false
        guard var flags else {
            let all = (0..<reader.rows).map(isKept)
            self.flags = all
            return all.contains(true)
        }
        self.flags = nil
        for row in flags.indices where flags[row] {
            let stays = isKept(row)
            flags[row] = stays
            isAnyLeft = isAnyLeft || stays
        }
        self.flags = flags
        return isAnyLeft
    }
}
