import Store
import Telemetry

/// Series by label: the labels of each, and for every label pair the series that have it. Series are
/// numbered from 0 in order of arrival.
///
/// Made of frozen segments and a small open one, so that a copy is cheap however many series there are:
/// what a query holds on to is shared, and adding a series copies the open segment at most. Segments
/// of a size are put together as they gather, as in a log-structured merge tree.
struct SeriesIndex: Sendable {
    private var segments: [SeriesSegment] = []
    private var open = SegmentBuilder()
    /// Series in `segments`.
    private var frozenCount = 0

    /// Copied by the next addition when a query holds on to it: about 0.2 ms.
    private static let openMax = 1_024
    private static let mergeFanIn = 4
    /// A merge of segments to this size takes about 20 ms; larger ones would delay an append for long.
    private static let segmentMax = 16_384

    var count: Int { frozenCount + open.count }

    /// Adds a series and returns its number.
    /// - Parameter labels: canonical label bytes.
    mutating func add(_ id: SeriesID, labels: UnsafeRawBufferPointer) -> UInt32 {
        let number = UInt32(count)
        open.add(id, labels: labels)
        if open.count == Self.openMax { freeze() }
        return number
    }

    private mutating func freeze() {
        frozenCount += open.count
        segments.append(open.frozen())
        open = SegmentBuilder()
        while let size = segments.last?.count, size < Self.segmentMax,
            segments.count >= Self.mergeFanIn,
            segments.suffix(Self.mergeFanIn).allSatisfy({ $0.count == size })
        {
            let merged = SegmentBuilder(segments.suffix(Self.mergeFanIn))
            segments.removeLast(Self.mergeFanIn)
            segments.append(merged.frozen())
        }
    }

    // MARK: Series

    @inline(__always)
    func id(_ number: UInt32) -> SeriesID {
        let whole = Int(number) / Self.segmentMax
        if whole < wholeCount { return segments[whole].ids[Int(number) % Self.segmentMax] }
        let (segment, local) = place(number)
        return segment.map { $0.ids[local] } ?? open.ids[local]
    }

    /// Segments of the largest size, which come first.
    private var wholeCount: Int { frozenCount / Self.segmentMax }

    /// The canonical labels of a series.
    func labels(_ number: UInt32) -> Labels {
        let (segment, local) = place(number)
        return Labels(canonicalBytes: segment?.labelBytes(local) ?? open.labelBytes(local))
    }

    /// The segment of a series, `nil` for the open one, and its number there.
    private func place(_ number: UInt32) -> (segment: SeriesSegment?, local: Int) {
        var local = Int(number)
        guard local < frozenCount else { return (nil, local - frozenCount) }
        if local < wholeCount * Self.segmentMax {
            return (segments[local / Self.segmentMax], local % Self.segmentMax)
        }
        local -= wholeCount * Self.segmentMax
        for segment in segments[wholeCount...] {
            if local < segment.count { return (segment, local) }
            local -= segment.count
        }
        preconditionFailure("BUG: series \(number) of \(count)")
    }

    // MARK: Matching

    /// The series that satisfy all matchers, ascending.
    func match(_ matchers: [PreparedMatcher]) -> [UInt32] {
        var result: [UInt32] = []
        var base: UInt32 = 0
        for segment in segments {
            for local in segment.match(matchers) { result.append(base + local) }
            base += UInt32(segment.count)
        }
        // The open segment has no postings: its series are few.
        for local in 0..<open.count where open.accepts(local, matchers) {
            result.append(base + UInt32(local))
        }
        return result
    }

    /// Names of labels that any of `series`, ascending, has; `nil` stands for all.
    func collectNames(of series: [UInt32]?, into names: inout Set<String>) {
        forEachSegment(series) { segment, members in
            segment.collectNames(of: members, into: &names)
        } open: { members in
            open.collectNames(of: members, into: &names)
        }
    }

    /// Values of label `name` that any of `series`, ascending, has; `nil` stands for all.
    func collectValues(of name: String, in series: [UInt32]?, into values: inout SortedTexts) {
        forEachSegment(series) { segment, members in
            values.add(segment.values(of: name, in: members))
        } open: { members in
            values.add(open.values(of: name, in: members))
        }
    }

    /// - Parameter body: gets the numbers of series of a segment there; none stands for all.
    private func forEachSegment(
        _ series: [UInt32]?, _ body: (SeriesSegment, [UInt32]) -> Void, open: ([Int]) -> Void
    ) {
        guard let series else {
            for segment in segments { body(segment, []) }
            return open(Array(0..<self.open.count))
        }
        var base: UInt32 = 0
        var start = 0
        for segment in segments {
            let limit = base + UInt32(segment.count)
            var end = start
            if start + segment.count <= series.count,
                series[start + segment.count - 1] == limit - 1
            {
                end += segment.count
                body(segment, [])
            } else {
                while end < series.count, series[end] < limit { end += 1 }
                if start < end { body(segment, series[start..<end].map { $0 - base }) }
            }
            start = end
            base = limit
        }
        open(series[start...].map { Int($0 - base) })
    }
}

/// An index that also finds the number of a series by its id. The table of numbers belongs to whoever
/// adds series; queries copy `index` alone.
struct NumberedSeries: Sendable {
    private(set) var index = SeriesIndex()
    /// Open-addressed: number + 1, zero is free; at most half full.
    private var slots = [UInt32](repeating: 0, count: 1_024)

    var count: Int { index.count }

    /// The number of a series, if it is known.
    @inline(__always)
    func find(_ id: SeriesID) -> UInt32? {
        var slot = Int(truncatingIfNeeded: id.hash.low) & (slots.count - 1)
        while true {
            let entry = slots[slot]
            if entry == 0 { return nil }
            if index.id(entry - 1) == id { return entry - 1 }
            slot = (slot + 1) & (slots.count - 1)
        }
    }

    /// Adds a series that is not known yet.
    /// - Parameter labels: canonical label bytes.
    mutating func add(_ id: SeriesID, labels: UnsafeRawBufferPointer) -> UInt32 {
        let number = index.add(id, labels: labels)
        if count * 2 > slots.count { grow() } else { place(number, id) }
        return number
    }

    private mutating func place(_ number: UInt32, _ id: SeriesID) {
        var slot = Int(truncatingIfNeeded: id.hash.low) & (slots.count - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = number + 1
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for number in 0..<UInt32(count) { place(number, index.id(number)) }
    }
}
