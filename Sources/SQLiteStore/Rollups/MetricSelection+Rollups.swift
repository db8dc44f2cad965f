import ColumnEncoding
import Store
import Telemetry

extension MetricSelection {
    // MARK: Choosing

    /// For every day the rollup that windows are made of, `nil` for its samples: the coarsest whose
    /// intervals no window cuts; where samples are gone and every one would be cut, the finest.
    func rollups(for windows: SampleWindows) -> [Int?] {
        if !hasRollups { return noRollups }
        return days.map { day in
            // Late samples in the head are in no summary.
            if day.isThinned || day.end <= headStart {
                let fitting = day.rollups.lastIndex { windows.areMade(ofIntervals: $0.interval) }
                if let fitting { return fitting }
            }
            return day.isThinned && !day.rollups.isEmpty ? 0 : nil
        }
    }

    var thinnings: [SampleThinning] {
        if !hasRollups { return [] }
        var thinnings: [SampleThinning] = []
        for day in days {
            let interval = day.isThinned ? day.rollups.first?.interval ?? 0 : 0
            if thinnings.last?.interval == interval {
                thinnings[thinnings.count - 1].through = day.end - 1
            } else if interval > 0 || !thinnings.isEmpty {
                thinnings.append(SampleThinning(through: day.end - 1, interval: interval))
            }
        }
        if thinnings.last?.interval == 0 { thinnings.removeLast() }
        return thinnings
    }

    func summaryUse(_ windows: SampleWindows, endsOnly: Bool) -> SummaryUse {
        if !hasRollups { return .none }
        var isUsed = false
        var isThinned = false
        for (day, rollup) in zip(days, rollups(for: windows)) {
            guard let rollup else { continue }
            if day.isThinned {
                isThinned = true
                guard windows.areMade(ofIntervals: day.rollups[rollup].interval) else {
                    return .approximate
                }
            } else {
                isUsed = isUsed || !endsOnly || windows.overlap(atMost: Self.overlapMax)
            }
        }
        return isUsed || isThinned ? .exact : .none
    }

    /// Where windows overlap more, sliding over decoded samples is as quick for what looks at their ends.
    private static let overlapMax: Int64 = 4

    // MARK: Reading

    /// Adds what is left of a series on a day without samples, as far as it lies in the range.
    func appendThinned(
        _ index: Int, _ day: Int, _ scratch: inout SelectionScratch,
        to target: inout SampleColumns
    ) throws(StoreError) {
        guard !days[day].rollups.isEmpty else { return }
        var intervals: [WindowAggregate] = []
        try appendIntervals(index, day, rollup: 0, &scratch, to: &intervals)
        var ends = SampleColumns()
        for interval in intervals { interval.appendEnds(to: &ends) }
        let kept = MetricSelection.indices(of: range, in: ends.times)
        target.times += ends.times[kept]
        target.values += ends.values[kept]
    }

    /// Adds the summaries of the intervals of a series and day. What is damaged is reported and left out.
    func appendIntervals(
        _ index: Int, _ day: Int, rollup: Int, _ scratch: inout SelectionScratch,
        to intervals: inout [WindowAggregate]
    ) throws(StoreError) {
        let series = days[day].numbers[index]
        guard series < RollupColumn.seriesMax else { return }
        let blocks = days[day].rollups[rollup].blocks
        let start = intervals.count
        for column in RollupColumn.allCases {
            var next = start
            for info in MetricSelection.blocks(blocks, of: column.number(series)) {
                guard let reader = try scratch.reader(info, at: place(day, rollup: rollup), engine)
                else { continue }
                for chunk in reader.chunks(of: column.number(series)) {
                    guard try engine.decode(chunk, of: reader, info, &scratch.series),
                        column == .last
                            || next + scratch.series.times.count <= intervals.count
                    else {
                        // The columns of a damaged block do not fit together any more.
                        intervals.removeLast(intervals.count - start)
                        return
                    }
                    intervals.take(column, scratch.series, at: next)
                    next += scratch.series.times.count
                }
            }
        }
    }
}

extension [WindowAggregate] {
    /// Puts a column's values into the intervals from `start` on.
    fileprivate mutating func take(_ column: RollupColumn, _ samples: SeriesScratch, at start: Int)
    {
        for (offset, value) in samples.values.enumerated() {
            let time = samples.times[offset]
            let place = start + offset
            switch column {
            case .last: append(WindowAggregate(time: time, value: value))
            case .first:
                self[place].firstTime = time
                self[place].first = value
                self[place].minimum = value
            case .count: self[place].count = Int(exactly: value) ?? 1
            case .sum: self[place].sum = value
            case .minimum: self[place].minimum = value
            case .maximum: self[place].maximum = value
            case .resetSum: self[place].resetSum = value
            case .resets: self[place].resets = Int(exactly: value) ?? 0
            }
        }
    }
}

extension WindowAggregate {
    /// Adds the first and the last sample.
    func appendEnds(to columns: inout SampleColumns) {
        columns.times.append(firstTime)
        columns.values.append(first)
        guard lastTime > firstTime else { return }
        columns.times.append(lastTime)
        columns.values.append(last)
    }
}

extension SampleWindows {
    /// Whether no window begins or ends within an interval.
    fileprivate func areMade(ofIntervals interval: Int64) -> Bool {
        firstEnd % interval == 0 && range % interval == 0 && (count == 1 || step % interval == 0)
    }

    /// Whether no more than `depth` windows lie over each other.
    fileprivate func overlap(atMost depth: Int64) -> Bool {
        count == 1 || (step > 0 && range / step <= depth)
    }
}
