import ColumnEncoding
import Store
import Telemetry

/// Where each span of a large trace lies: what is kept of it while it is read piece by piece.
struct TraceSpanIndex: Sendable {
    enum Source: Sendable {
        case block(BlockInfo)
        case head(SpanBatch)
    }

    struct Entry: Sendable {
        var start: Int64
        var span: UInt64
        var source: UInt32
        var row: UInt32
        var kind: UInt8

        var place: (UInt32, UInt32) { (source, row) }
    }

    private(set) var sources: [Source] = []
    private(set) var entries: [Entry] = []

    var count: Int { entries.count }

    mutating func add(
        _ source: Source, rows: [Int], starts: [Timestamp], spans: [SpanID], kinds: [UInt8]
    ) {
        let number = UInt32(truncatingIfNeeded: sources.count)
        sources.append(source)
        entries.reserveCapacity(entries.count + rows.count)
        for (index, row) in rows.enumerated() {
            entries.append(
                Entry(
                    start: starts[index].nanoseconds, span: spans[index].value, source: number,
                    row: UInt32(truncatingIfNeeded: row), kind: kinds[index]))
        }
    }

    /// Collapses spans with equal (span, kind) as `SpanDeduplication` does, then sorts by start.
    ///
    /// - Parameter detail: how much the given rows of a source tell, see `SpanBatch.detailCount`; asked
    ///   only for spans that are there more than once.
    mutating func collapse(
        detail: (Source, [Int]) throws(StoreError) -> [Int]
    ) throws(StoreError) {
        entries.sort { a, b in
            if a.span != b.span { return a.span < b.span }
            return a.kind != b.kind ? a.kind < b.kind : a.place < b.place
        }
        let groups = repeated()
        if !groups.isEmpty {
            let ranks = try ranks(of: groups, detail)
            var isDropped = [Bool](repeating: false, count: entries.count)
            for group in groups {
                var best = group.lowerBound
                for entry in group.dropFirst() {
                    // Equal details: the later written counts, and it stands later.
                    let isBetter = ranks[entry, default: 0] >= ranks[best, default: 0]
                    isDropped[isBetter ? best : entry] = true
                    if isBetter { best = entry }
                }
            }
            entries = entries.indices.filter { !isDropped[$0] }.map { entries[$0] }
        }
        entries.sort { $0.start != $1.start ? $0.start < $1.start : $0.place < $1.place }
    }

    /// Runs of entries of one span and kind.
    private func repeated() -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var first = 0
        while first < entries.count {
            var end = first + 1
            while end < entries.count, entries[end].span == entries[first].span,
                entries[end].kind == entries[first].kind
            {
                end += 1
            }
            if end - first > 1 { groups.append(first..<end) }
            first = end
        }
        return groups
    }

    /// The detail count of each entry in `groups`, source by source.
    private func ranks(
        of groups: [Range<Int>], _ detail: (Source, [Int]) throws(StoreError) -> [Int]
    ) throws(StoreError) -> [Int: Int] {
        var bySource: [UInt32: [Int]] = [:]
        for entry in groups.joined() { bySource[entries[entry].source, default: []].append(entry) }
        var ranks: [Int: Int] = [:]
        for (source, found) in bySource {
            let sorted = found.sorted { entries[$0].row < entries[$1].row }
            let details = try detail(sources[Int(source)], sorted.map { Int(entries[$0].row) })
            for (entry, detail) in zip(sorted, details) { ranks[entry] = detail }
        }
        return ranks
    }
}
