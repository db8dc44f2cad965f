import ColumnEncoding
import Store
import Telemetry

extension MetricSelection {
    /// Aggregates of windows from summaries of intervals, where windows are made of whole ones, and of
    /// chunks; only chunks that a window cuts, that overlap others or that have no summary are decoded.
    func windowAggregates(
        _ index: Int, _ windows: SampleWindows, into aggregates: inout [WindowAggregate]
    ) throws(StoreError) -> Bool {
        if !extras.isEmpty, !histograms(index).isEmpty { return false }
        aggregates.removeAll(keepingCapacity: true)
        try withScratch { (scratch) throws(StoreError) in
            var stretches = try SeriesStretches(
                self, index, rollups: rollups(for: windows), &scratch)
            for window in 0..<windows.count {
                let end = windows.end(window)
                aggregates.append(
                    try stretches.aggregate(after: end &- windows.range, through: end, &scratch))
            }
        }
        return true
    }
}

/// The samples of a series as stretches that do not overlap, by time: chunks as they are, or the
/// decoded samples of several that do overlap.
private struct SeriesStretches {
    /// A chunk, or what `decoded` holds.
    private struct Stretch {
        var firstTime: Int64
        var lastTime: Int64
        /// Of `sources`; -1 for none.
        var source: Int
        var chunk: Int
        /// Of `intervals`; -1 for none.
        var interval = -1
        /// Of `decoded`; -1 while not decoded.
        var decoded = -1
    }

    private struct Source {
        var reader: SeriesBlockReader
        var info: MetricBlockInfo
    }

    /// Samples without staleness markers.
    private struct Decoded {
        var columns: SampleColumns
        /// The aggregate of all of them, once it is asked for: mostly a summary tells it.
        private var known: WindowAggregate?

        init(_ columns: SampleColumns) {
            self.columns = columns
            self.columns.removeMarkers()
        }

        mutating func whole() -> WindowAggregate {
            if let known { return known }
            var whole = WindowAggregate()
            whole.add(columns, columns.times.indices)
            known = whole
            return whole
        }
    }

    private let selection: MetricSelection
    private var sources: [Source] = []
    private var stretches: [Stretch] = []
    private var decoded: [Decoded] = []
    /// Summaries of intervals.
    private var intervals: [WindowAggregate] = []
    /// The first stretch that reaches into the window.
    private var first = 0

    init(
        _ selection: MetricSelection, _ index: Int, rollups: [Int?],
        _ scratch: inout SelectionScratch
    ) throws(StoreError) {
        self.selection = selection
        for (day, rollup) in rollups.enumerated() {
            if let rollup {
                try append(rollup, of: day, index, &scratch)
                continue
            }
            try selection.forEachChunk(of: index, on: day, &scratch) {
                reader, info, chunk, _ throws(StoreError) in
                if sources.last?.reader !== reader {
                    sources.append(Source(reader: reader, info: info))
                }
                stretches.append(
                    Stretch(
                        firstTime: reader.firstTime(chunk), lastTime: reader.lastTime(chunk),
                        source: sources.count - 1, chunk: chunk))
            }
        }
        try separate(&scratch)
        var head = SampleColumns()
        selection.appendHead(index, to: &head)
        try append(head, &scratch)
    }

    private mutating func append(
        _ rollup: Int, of day: Int, _ index: Int, _ scratch: inout SelectionScratch
    ) throws(StoreError) {
        let known = intervals.count
        try selection.appendIntervals(index, day, rollup: rollup, &scratch, to: &intervals)
        for place in known..<intervals.count {
            stretches.append(
                Stretch(
                    firstTime: intervals[place].firstTime, lastTime: intervals[place].lastTime,
                    source: -1, chunk: 0, interval: place))
        }
    }

    // MARK: Aggregates

    /// - Parameter start: windows never move back.
    mutating func aggregate(
        after start: Int64, through end: Int64, _ scratch: inout SelectionScratch
    ) throws(StoreError) -> WindowAggregate {
        while first < stretches.count, stretches[first].lastTime <= start {
            letGo(first)
            first += 1
        }
        var aggregate = WindowAggregate()
        var next = first
        while next < stretches.count, stretches[next].firstTime <= end {
            let isWhole = start < stretches[next].firstTime && stretches[next].lastTime <= end
            if isWhole, stretches[next].interval >= 0 {
                aggregate.add(intervals[stretches[next].interval])
            } else if isWhole, let summary = summary(next) {
                aggregate.add(WindowAggregate(summary))
            } else {
                try decode(next, &scratch)
                let place = stretches[next].decoded
                if isWhole {
                    aggregate.add(decoded[place].whole())
                } else if start < .max {
                    aggregate.add(
                        decoded[place].columns,
                        MetricSelection.indices(
                            of: (start + 1)...max(start + 1, end), in: decoded[place].columns.times)
                    )
                }
            }
            next += 1
        }
        return aggregate
    }

    /// Of a chunk that lies within the selection's range.
    private func summary(_ index: Int) -> ChunkSummary? {
        let stretch = stretches[index]
        guard stretch.source >= 0, selection.range.lowerBound <= stretch.firstTime,
            stretch.lastTime <= selection.range.upperBound
        else { return nil }
        return sources[stretch.source].reader.summary(stretch.chunk)
    }

    private mutating func letGo(_ index: Int) {
        guard stretches[index].decoded >= 0 else { return }
        decoded[stretches[index].decoded].columns = SampleColumns()
    }

    private mutating func decode(
        _ index: Int, _ scratch: inout SelectionScratch
    ) throws(StoreError) {
        guard stretches[index].decoded < 0 else { return }
        var columns = SampleColumns()
        try append(stretches[index], to: &columns, &scratch)
        stretches[index].decoded = decoded.count
        decoded.append(Decoded(columns))
    }

    private func append(
        _ stretch: Stretch, to columns: inout SampleColumns, _ scratch: inout SelectionScratch
    ) throws(StoreError) {
        if stretch.interval >= 0 {
            intervals[stretch.interval].appendEnds(to: &columns)
            return
        }
        let source = sources[stretch.source]
        try selection.append(
            stretch.chunk, of: source.reader, source.info, &scratch.series, to: &columns)
    }

    // MARK: Separation

    /// Decodes and merges chunks that overlap. They come in the order of writing, which decides between
    /// samples of one time; nearly always that is the order of time too, and nothing overlaps.
    private mutating func separate(_ scratch: inout SelectionScratch) throws(StoreError) {
        var isSeparate = true
        for index in 1..<max(1, stretches.count)
        where stretches[index].firstTime <= stretches[index - 1].lastTime {
            isSeparate = false
            break
        }
        if isSeparate { return }
        let written = stretches
        let order = written.indices.sorted { a, b in
            let (left, right) = (written[a].firstTime, written[b].firstTime)
            return left != right ? left < right : a < b
        }
        stretches = []
        var next = 0
        while next < order.count {
            var members = [order[next]]
            var last = written[order[next]].lastTime
            next += 1
            while next < order.count, written[order[next]].firstTime <= last {
                last = max(last, written[order[next]].lastTime)
                members.append(order[next])
                next += 1
            }
            if members.count == 1 {
                stretches.append(written[members[0]])
            } else {
                var columns = SampleColumns()
                for member in members.sorted() {
                    try append(written[member], to: &columns, &scratch)
                }
                appendMerged(columns)
            }
        }
    }

    /// Puts the head's samples behind the others; what they overlap is merged with them.
    private mutating func append(
        _ head: SampleColumns, _ scratch: inout SelectionScratch
    ) throws(StoreError) {
        guard let first = head.times.min() else { return }
        let kept = stretches.firstIndex { $0.lastTime >= first } ?? stretches.count
        var columns = SampleColumns()
        for stretch in stretches[kept...] {
            if stretch.decoded >= 0 {
                columns.times += decoded[stretch.decoded].columns.times
                columns.values += decoded[stretch.decoded].columns.values
            } else {
                try append(stretch, to: &columns, &scratch)
            }
        }
        stretches.removeSubrange(kept...)
        columns.times += head.times
        columns.values += head.values
        appendMerged(columns)
    }

    /// - Parameter columns: in the order of writing.
    private mutating func appendMerged(_ columns: SampleColumns) {
        var columns = columns
        MetricSelection.order(&columns)
        let merged = Decoded(columns)
        guard let first = merged.columns.times.first, let last = merged.columns.times.last else {
            return
        }
        stretches.append(
            Stretch(firstTime: first, lastTime: last, source: -1, chunk: 0, decoded: decoded.count))
        decoded.append(merged)
    }
}

extension SampleColumns {
    fileprivate mutating func removeMarkers() {
        let marker = Sample.staleMarker.bitPattern
        guard values.contains(where: { $0.bitPattern == marker }) else { return }
        let kept = values.indices.filter { values[$0].bitPattern != marker }
        times = kept.map { times[$0] }
        values = kept.map { values[$0] }
    }
}

extension WindowAggregate {
    fileprivate init(_ summary: ChunkSummary) {
        self.init(time: summary.firstTime, value: summary.first)
        count = summary.count
        lastTime = summary.lastTime
        last = summary.last
        sum = summary.sum
        compensation = summary.compensation
        minimum = summary.minimum
        maximum = summary.maximum
        resets = summary.resets
        resetSum = summary.resetSum
    }

    fileprivate mutating func add(_ columns: SampleColumns, _ indices: Range<Int>) {
        for index in indices { add(time: columns.times[index], value: columns.values[index]) }
    }
}
