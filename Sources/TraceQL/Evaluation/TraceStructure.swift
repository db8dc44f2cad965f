import Telemetry

/// How the spans of whole traces relate. Parents are found by their ids; of two spans with one id (Zipkin's
/// shared spans) the server's is the parent. Spans whose parents form a circle relate to nobody.
struct TraceStructure {
    /// One of the traces.
    struct Trace {
        var rows: Range<Int>
        /// The first span that says it has no parent.
        var root: Int?
        /// The first start.
        var start: Timestamp
        /// From the first start to the last end, nanoseconds.
        var duration: Int64
    }

    /// Numbers of a depth-first walk of a trace, as SQL's nested sets: a span's descendants have their
    /// `left` between its `left` and `right`. `parent` is the parent's `left`, -1 for roots; all are 0 of
    /// spans that do not descend from a root.
    struct NestedSets {
        var left: [Int32]
        var right: [Int32]
        var parent: [Int32]

        init(count: Int) {
            left = [Int32](repeating: 0, count: count)
            right = left
            parent = left
        }
    }

    /// In the order of their rows.
    let traces: [Trace]
    /// Places in `traces`.
    let traceOfRow: [UInt32]
    /// The row of each span's parent; -1 where there is none.
    let parents: [Int32]
    /// Rows such that parents stand before their children; those below circles are left out.
    let order: [Int32]
    let childCounts: [Int32]
    private let children: Children
    private let isRoot: [Bool]

    /// - Parameter spans: all of some traces, those of each one after the other by start time.
    init(_ spans: SpanBatch) {
        let (traces, traceOfRow) = Self.traces(spans)
        let named = Self.parents(spans, traceOfRow)
        let order = Self.order(named, Children(named))
        var parents = [Int32](repeating: -1, count: spans.count)
        for row in order { parents[Int(row)] = named[Int(row)] }
        let children = Children(parents)
        self.traces = traces
        self.traceOfRow = traceOfRow
        self.order = order
        self.parents = parents
        self.children = children
        childCounts = children.counts
        isRoot = spans.parentIDs.map { !$0.isValid }
    }

    private static func traces(_ spans: SpanBatch) -> ([Trace], [UInt32]) {
        var traces: [Trace] = []
        var ofRow: [UInt32] = []
        ofRow.reserveCapacity(spans.count)
        var first = 0
        while first < spans.count {
            let id = spans.traceIDs[first]
            let number = UInt32(truncatingIfNeeded: traces.count)
            var root: Int?
            var (start, end) = (Timestamp.distantFuture, Timestamp.distantPast)
            var row = first
            while row < spans.count, spans.traceIDs[row] == id {
                if root == nil, !spans.parentIDs[row].isValid { root = row }
                start = min(start, spans.starts[row])
                end = max(end, spans.end(row))
                ofRow.append(number)
                row += 1
            }
            traces.append(
                Trace(
                    rows: first..<row, root: root, start: start,
                    duration: max(0, end.nanoseconds(since: start))))
            first = row
        }
        return (traces, ofRow)
    }

    private static func parents(_ spans: SpanBatch, _ traceOfRow: [UInt32]) -> [Int32] {
        var rows = SpanRows(spans, traceOfRow)
        for row in 0..<spans.count { rows.add(row) }
        return (0..<spans.count).map { row in
            let parent = spans.parentIDs[row]
            guard parent.isValid, let found = rows.row(parent, in: traceOfRow[row]),
                Int(found) != row
            else { return -1 }
            return found
        }
    }

    /// The row of each span id of each trace: an open-addressed table.
    private struct SpanRows {
        private let spans: SpanBatch
        private let traceOfRow: [UInt32]
        /// Row + 1; 0 is free.
        private var slots: [Int32]
        private let mask: Int

        init(_ spans: SpanBatch, _ traceOfRow: [UInt32]) {
            self.spans = spans
            self.traceOfRow = traceOfRow
            var size = 16
            while size < 2 * spans.count { size *= 2 }
            slots = [Int32](repeating: 0, count: size)
            mask = size - 1
        }

        @inline(__always)
        private func slot(_ id: SpanID, _ trace: UInt32) -> Int {
            let mixed = (id.value ^ UInt64(trace) << 32) &* 0x9E37_79B9_7F4A_7C15
            var slot = Int(truncatingIfNeeded: mixed >> 32) & mask
            while slots[slot] != 0 {
                let row = Int(slots[slot]) &- 1
                if spans.spanIDs[row] == id, traceOfRow[row] == trace { return slot }
                slot = (slot &+ 1) & mask
            }
            return slot
        }

        mutating func add(_ row: Int) {
            let slot = slot(spans.spanIDs[row], traceOfRow[row])
            if slots[slot] == 0 || spans.kinds[row] == .server {
                slots[slot] = Int32(truncatingIfNeeded: row) &+ 1
            }
        }

        func row(_ id: SpanID, in trace: UInt32) -> Int32? {
            let found = slots[slot(id, trace)]
            return found == 0 ? nil : found &- 1
        }
    }

    /// The children of each row, in one array.
    private struct Children {
        let counts: [Int32]
        private var starts: [Int32]
        private var rows: [Int32]

        init(_ parents: [Int32]) {
            var counts = [Int32](repeating: 0, count: parents.count)
            for parent in parents where parent >= 0 { counts[Int(parent)] += 1 }
            self.counts = counts
            starts = [0]
            for count in counts { starts.append(starts[starts.count - 1] + count) }
            rows = [Int32](repeating: 0, count: Int(starts[starts.count - 1]))
            var next = starts
            for (row, parent) in parents.enumerated() where parent >= 0 {
                rows[Int(next[Int(parent)])] = Int32(row)
                next[Int(parent)] += 1
            }
        }

        subscript(row: Int) -> ArraySlice<Int32> { rows[Int(starts[row])..<Int(starts[row + 1])] }
    }

    private static func order(_ parents: [Int32], _ children: Children) -> [Int32] {
        var order = parents.indices.filter { parents[$0] < 0 }.map { Int32($0) }
        order.reserveCapacity(parents.count)
        var next = 0
        while next < order.count {
            order += children[Int(order[next])]
            next += 1
        }
        return order
    }

    func nestedSets() -> NestedSets {
        var sets = NestedSets(count: parents.count)
        for trace in traces {
            var number: Int32 = 0
            for root in trace.rows where isRoot[root] { walk(from: root, &number, &sets) }
        }
        return sets
    }

    private func walk(from root: Int, _ number: inout Int32, _ sets: inout NestedSets) {
        // A row is pushed once to be entered, and once, as its complement, to be left.
        var stack = [Int32(root)]
        while let entry = stack.popLast() {
            number += 1
            if entry < 0 {
                sets.right[Int(~entry)] = number
                continue
            }
            let row = Int(entry)
            sets.left[row] = number
            let parent = parents[row]
            sets.parent[row] = parent < 0 ? -1 : sets.left[Int(parent)]
            stack.append(~entry)
            for child in children[row].reversed() { stack.append(child) }
        }
    }
}
