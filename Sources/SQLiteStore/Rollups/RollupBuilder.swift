import ColumnEncoding
import Store
import Telemetry

/// Sums up the samples of a day by intervals, series by series in ascending order.
struct RollupBuilder {
    private let interval: Int64
    private var cutter: BlockCutter
    private var columns = RollupColumns()

    /// - Parameter part: the journal sequence through which the samples reach.
    init(interval: Int64, part: UInt64) {
        self.interval = interval
        cutter = BlockCutter { NewMetricBlock($0, part: part, tier: 0, effort: .compacted) }
    }

    /// - Parameter samples: by ascending time. Staleness markers are no samples.
    mutating func add(_ series: UInt32, _ samples: SampleColumns) {
        guard series < RollupColumn.seriesMax else { return }
        columns.removeAll()
        var current = WindowAggregate()
        var end = Int64.min
        for (time, value) in zip(samples.times, samples.values)
        where value.bitPattern != Sample.staleMarker.bitPattern {
            if time > end {
                columns.append(current)
                current = WindowAggregate()
                end = time.endOfInterval(interval)
            }
            current.add(time: time, value: value)
        }
        columns.append(current)
        for column in RollupColumn.allCases where columns.needs(column) {
            cutter.append(
                column.number(series),
                column == .first ? columns.firstTimes[...] : columns.lastTimes[...],
                columns.values(column)[...])
        }
    }

    mutating func finish() -> [NewMetricBlock] { cutter.finish() }
}

/// Summaries of the intervals of one series, column by column.
private struct RollupColumns {
    private(set) var firstTimes: [Int64] = []
    private(set) var lastTimes: [Int64] = []
    private var all = [[Double]](repeating: [], count: RollupColumn.allCases.count)

    mutating func removeAll() {
        firstTimes.removeAll(keepingCapacity: true)
        lastTimes.removeAll(keepingCapacity: true)
        for index in all.indices { all[index].removeAll(keepingCapacity: true) }
    }

    func values(_ column: RollupColumn) -> [Double] { all[Int(column.rawValue)] }

    /// Takes the summary of the next interval; without samples it is none.
    mutating func append(_ interval: WindowAggregate) {
        guard interval.count > 0 else { return }
        firstTimes.append(interval.firstTime)
        lastTimes.append(interval.lastTime)
        set(.last, interval.last)
        set(.first, interval.first)
        set(.count, Double(interval.count))
        set(.sum, interval.sum.isFinite ? interval.sum + interval.compensation : interval.sum)
        set(.minimum, interval.minimum)
        set(.maximum, interval.maximum)
        set(.resetSum, interval.resetSum)
        set(.resets, Double(interval.resets))
    }

    private mutating func set(_ column: RollupColumn, _ value: Double) {
        all[Int(column.rawValue)].append(value)
    }

    func needs(_ column: RollupColumn) -> Bool {
        guard !lastTimes.isEmpty else { return false }
        switch column {
        case .last, .first, .count, .sum: return true
        case .minimum: return !areSame(.minimum, .first)
        case .maximum: return !areSame(.maximum, .last)
        case .resetSum, .resets: return values(.resets).contains { $0 != 0 }
        }
    }

    private func areSame(_ a: RollupColumn, _ b: RollupColumn) -> Bool {
        zip(values(a), values(b)).allSatisfy { $0.bitPattern == $1.bitPattern }
    }
}
