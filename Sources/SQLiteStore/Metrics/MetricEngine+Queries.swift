import ColumnEncoding
import Foundation
import Platform
import Store
import Synchronization
import Telemetry

extension MetricEngine {
    private func daysOverlapping(_ range: ClosedRange<Int64>) -> [UTCDay] {
        let first = UTCDay(containingMilliseconds: range.lowerBound)
        let last = UTCDay(containingMilliseconds: range.upperBound)
        return partitions.days.filter { first <= $0 && $0 <= last }
    }

    /// A consistent view of head and days.
    private struct View {
        var days: [MetricDay]
        var index: SeriesIndex
        var head: [HeadSamples]
        var generation: UInt64

        /// By series number: whether the head holds a sample of it.
        func presentInHead() -> [Bool] {
            var present = [Bool](repeating: false, count: index.count)
            for samples in head {
                for series in samples.series { present[Int(series)] = true }
            }
            return present
        }
    }

    private func view(of range: ClosedRange<Int64>) throws(StoreError) -> View {
        let wanted = daysOverlapping(range)
        for day in wanted { _ = try load(day) }
        let view = state.withLock { state in
            state.readers[state.generation, default: 0] += 1
            let first = UTCDay(containingMilliseconds: range.lowerBound)
            let last = UTCDay(containingMilliseconds: range.upperBound)
            return View(
                days: state.days.filter { first <= $0.key && $0.key <= last }.values.map { day in
                    var day = day
                    day.blocks.removeAll { !$0.overlaps(range) }
                    return day
                },
                index: state.index,
                head: (state.sealing + state.head).filter {
                    $0.overlaps(range) || $0.extras != nil
                },
                generation: state.generation)
        }
        return view
    }

    /// Ends the use of a generation's blocks.
    func release(_ generation: UInt64) {
        state.withLock { state in
            let running = state.readers[generation, default: 1] - 1
            state.readers[generation] = running == 0 ? nil : running
        }
    }

    func selectSeries(
        _ matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> any SeriesSelection {
        let prepared = try MetricEngine.prepare(matchers)
        let view = try view(of: range)
        var slots: [SeriesID: Int] = [:]
        var labels: [Labels] = []
        func slot(_ number: UInt32, _ index: SeriesIndex) -> Int {
            let id = index.ids[Int(number)]
            if let known = slots[id] { return known }
            labels.append(index.labels(number))
            slots[id] = labels.count - 1
            return labels.count - 1
        }
        var parts: [MetricSelection.DayPart] = []
        for day in view.days {
            var daySlots: [UInt32: Int] = [:]
            let numbers = day.index.match(prepared)
            guard let first = numbers.first, let last = numbers.last else { continue }
            let blocks = day.blocks.filter { $0.series.overlaps(first...last) }
            if !blocks.isEmpty {
                for number in numbers { daySlots[number] = slot(number, day.index) }
                parts.append(MetricSelection.DayPart(blocks: blocks, slots: daySlots))
            }
        }
        let present = view.presentInHead()
        var headSlots = [Int32](repeating: -1, count: view.index.count)
        for number in view.index.match(prepared) where present[Int(number)] {
            headSlots[Int(number)] = Int32(slot(number, view.index))
        }
        let extras = try extras(of: view, in: range)
        for batch in extras {
            for series in Set(batch.histograms.map(\.series)) {
                let candidate = batch.labels(Int(series))
                guard slots[candidate.seriesID] == nil, MetricEngine.accepts(prepared, candidate)
                else { continue }
                labels.append(candidate)
                slots[candidate.seriesID] = labels.count - 1
            }
        }
        return MetricSelection.sorted(
            labels: labels, days: parts, head: view.head, headSlots: headSlots, extras: extras,
            range: range, engine: self, generation: view.generation)
    }

    /// Native histograms and exemplars near `range`, oldest written first.
    private func extras(
        of view: View, in range: ClosedRange<Int64>
    ) throws(StoreError) -> [MetricBatch] {
        var extras: [MetricBatch] = []
        for day in view.days {
            extras += try day.partition.read { try MetricTables.extras(overlapping: range, $0) }
        }
        return extras + view.head.compactMap(\.extras)
    }

    static func prepare(_ matchers: [LabelMatcher]) throws(StoreError) -> [PreparedMatcher] {
        var prepared: [PreparedMatcher] = []
        for matcher in matchers { prepared.append(try PreparedMatcher(matcher)) }
        return prepared
    }

    private static func accepts(_ matchers: [PreparedMatcher], _ labels: Labels) -> Bool {
        matchers.allSatisfy { matcher in
            var value = labels[matcher.name] ?? ""
            return value.withUTF8 { matcher.accepts(UnsafeRawBufferPointer($0)) }
        }
    }

    /// The decoded block; `nil` (counted and logged) if it is missing or damaged.
    func block(_ info: MetricBlockInfo) throws(StoreError) -> SeriesBlock? {
        let body = try info.partition.read { try MetricTables.body(info.id, $0) }
        let reason: String
        if let body {
            do {
                return try body.withUnsafeBytes { try SeriesBlockCodec.decode($0) }
            } catch {
                reason = "\(error)"
            }
        } else {
            reason = "block is missing"
        }
        events.emit(
            StoreDamage(kind: "block", path: "\(info.partition.path)#\(info.id)", reason: reason))
        return nil
    }

    func labelNames(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] {
        var names = Set<String>()
        try forEachMatch(matchers, in: range) { series, index in
            index.collectNames(of: series, into: &names)
        }
        return names.sorted()
    }

    func labelValues(
        of name: String, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] {
        var values = Set<String>()
        try forEachMatch(matchers, in: range) { series, index in
            index.collectValues(of: name, in: series, into: &values)
        }
        return values.sorted()
    }

    private func forEachMatch(
        _ matchers: [LabelMatcher], in range: ClosedRange<Int64>,
        _ body: ([UInt32], SeriesIndex) -> Void
    ) throws(StoreError) {
        let prepared = try MetricEngine.prepare(matchers)
        let view = try view(of: range)
        defer { release(view.generation) }
        for day in view.days where !day.blocks.isEmpty {
            body(day.index.match(prepared), day.index)
        }
        if !view.head.isEmpty {
            let present = view.presentInHead()
            body(view.index.match(prepared).filter { present[Int($0)] }, view.index)
        }
        var histograms = SeriesIndex()
        for batch in try extras(of: view, in: range) {
            for series in Set(batch.histograms.map(\.series)) {
                let labels = batch.labels(Int(series))
                guard histograms.find(labels.seriesID) == nil else { continue }
                labels.bytes.withUnsafeBytes { _ = histograms.add(labels.seriesID, labels: $0) }
            }
        }
        body(histograms.match(prepared), histograms)
    }
}

extension MetricSelection {
    /// Puts the series in the order of their canonical labels.
    static func sorted(
        labels: [Labels], days: [DayPart], head: [HeadSamples], headSlots: [Int32],
        extras: [MetricBatch], range: ClosedRange<Int64>, engine: MetricEngine, generation: UInt64
    ) -> MetricSelection {
        let order = labels.indices.sorted {
            labels[$0].bytes.lexicographicallyPrecedes(labels[$1].bytes)
        }
        var position = [Int](repeating: 0, count: labels.count)
        for (new, old) in order.enumerated() { position[old] = new }
        return MetricSelection(
            labels: order.map { labels[$0] },
            days: days.map { day in
                DayPart(blocks: day.blocks, slots: day.slots.mapValues { position[$0] })
            }, head: head, headSlots: headSlots.map { $0 < 0 ? -1 : Int32(position[Int($0)]) },
            extras: extras,
            range: range, engine: engine, generation: generation)
    }
}
