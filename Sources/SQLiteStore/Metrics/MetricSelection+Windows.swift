import ColumnEncoding
import Store
import Telemetry

extension MetricSelection {
    /// Aggregates of long windows from the summaries of chunks; only chunks that a window cuts, that
    /// overlap others or that have no summary are decoded.
    func windowAggregates(
        _ index: Int, _ windows: SampleWindows, into aggregates: inout [WindowAggregate]
    ) throws(StoreError) -> Bool {
        if !extras.isEmpty, !histograms(index).isEmpty { return false }
        aggregates.removeAll(keepingCapacity: true)
        var stretches = try self.stretches(of: index)
        var first = 0
        for window in 0..<windows.count {
            let end = windows.end(window)
            let start = end &- windows.range
            // Windows never move back: what lies before this one is not needed again.
            while first < stretches.count, stretches[first].lastTime <= start {
                stretches[first].letGo()
                first += 1
            }
            var aggregate = WindowAggregate()
            var next = first
            while next < stretches.count, stretches[next].firstTime <= end {
                try add(&stretches[next], after: start, through: end, to: &aggregate)
                next += 1
            }
            aggregates.append(aggregate)
        }
        return true
    }

    /// Samples that lie between no others in time: a chunk, or the samples of several that overlap.
    fileprivate struct Stretch {
        var firstTime: Int64
        var lastTime: Int64
        var chunk: ChunkPlace?
        /// Of the whole stretch.
        var aggregate: WindowAggregate?
        /// Without staleness markers; `nil` until decoded.
        var columns: SampleColumns?

        /// Whether there was nothing but staleness markers.
        var isEmpty: Bool { columns.map(\.times.isEmpty) ?? false }

        mutating func letGo() { columns = nil }
    }

    fileprivate struct ChunkPlace {
        var reader: SeriesBlockReader
        var info: MetricBlockInfo
        var chunk: Int
    }

    private func add(
        _ stretch: inout Stretch, after start: Int64, through end: Int64,
        to aggregate: inout WindowAggregate
    ) throws(StoreError) {
        let isWhole = start < stretch.firstTime && stretch.lastTime <= end
        if isWhole, let known = stretch.aggregate {
            aggregate.add(known)
            return
        }
        if stretch.columns == nil {
            var columns = SampleColumns()
            if let place = stretch.chunk { try decode(place, to: &columns) }
            columns.removeMarkers()
            stretch.columns = columns
        }
        guard let columns = stretch.columns else { return }
        if isWhole {
            var whole = WindowAggregate()
            whole.add(columns, columns.times.indices)
            stretch.aggregate = whole
            aggregate.add(whole)
            return
        }
        guard start < .max else { return }
        let kept = MetricSelection.indices(of: (start + 1)...max(start + 1, end), in: columns.times)
        aggregate.add(columns, kept)
    }

    // MARK: Stretches

    /// The samples of a series within the selection's range, by time.
    private func stretches(of index: Int) throws(StoreError) -> [Stretch] {
        let places = try places(of: index)
        var head = SampleColumns()
        appendHead(index, to: &head)
        // By first time, the order of writing kept among equals: it decides which sample stays.
        let order = places.indices.sorted { a, b in
            let (left, right) = (places[a].firstTime, places[b].firstTime)
            return left != right ? left < right : a < b
        }
        var stretches: [Stretch] = []
        var next = 0
        while next < order.count {
            var members = [order[next]]
            var last = places[order[next]].lastTime
            next += 1
            while next < order.count, places[order[next]].firstTime <= last {
                last = max(last, places[order[next]].lastTime)
                members.append(order[next])
                next += 1
            }
            let stretch = try stretch(members.sorted().map { places[$0] })
            if !stretch.isEmpty { stretches.append(stretch) }
        }
        return try adding(head, to: stretches, places)
    }

    /// One chunk as it is, several decoded and merged.
    private func stretch(_ places: [ChunkPlace]) throws(StoreError) -> Stretch {
        if places.count == 1 {
            let place = places[0]
            let isInside =
                range.lowerBound <= place.firstTime && place.lastTime <= range.upperBound
            return Stretch(
                firstTime: place.firstTime, lastTime: place.lastTime, chunk: place,
                aggregate: isInside
                    ? place.reader.summary(place.chunk).map(WindowAggregate.init) : nil)
        }
        var columns = SampleColumns()
        for place in places { try decode(place, to: &columns) }
        return Stretch(merging: columns)
    }

    /// Puts the head's samples behind the others, or between them where they are late.
    private func adding(
        _ head: SampleColumns, to stretches: [Stretch], _ places: [ChunkPlace]
    ) throws(StoreError) -> [Stretch] {
        guard let first = head.times.min() else { return stretches }
        let kept = stretches.prefix { $0.lastTime < first }
        var columns = SampleColumns()
        // In the order of writing, which is that of the places.
        let reach = kept.last?.lastTime ?? .min
        for place in places where place.firstTime > reach || kept.isEmpty {
            try decode(place, to: &columns)
        }
        columns.times += head.times
        columns.values += head.values
        return Array(kept) + [Stretch(merging: columns)].filter { !$0.isEmpty }
    }

    private func places(of index: Int) throws(StoreError) -> [ChunkPlace] {
        var places: [ChunkPlace] = []
        for day in days where day.numbers[index] != DayPart.missing {
            for part in day.parts {
                for info in MetricSelection.blocks(part, of: day.numbers[index]) {
                    guard let reader = try engine.reader(info) else { continue }
                    for chunk in reader.chunks(of: day.numbers[index])
                    where reader.firstTime(chunk) <= range.upperBound
                        && reader.lastTime(chunk) >= range.lowerBound
                    {
                        places.append(ChunkPlace(reader: reader, info: info, chunk: chunk))
                    }
                }
            }
        }
        return places
    }

    private func decode(
        _ place: ChunkPlace, to columns: inout SampleColumns
    ) throws(StoreError) {
        try withScratch { (scratch) throws(StoreError) in
            try append(place.chunk, of: place.reader, place.info, &scratch, to: &columns)
        }
    }
}

extension MetricSelection.ChunkPlace {
    fileprivate var firstTime: Int64 { reader.firstTime(chunk) }
    fileprivate var lastTime: Int64 { reader.lastTime(chunk) }
}

extension MetricSelection.Stretch {
    /// - Parameter columns: in the order of writing.
    fileprivate init(merging columns: SampleColumns) {
        var columns = columns
        MetricSelection.order(&columns)
        columns.removeMarkers()
        firstTime = columns.times.first ?? .max
        lastTime = columns.times.last ?? .max
        self.columns = columns
        var whole = WindowAggregate()
        whole.add(columns, columns.times.indices)
        aggregate = whole
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
