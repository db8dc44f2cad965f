import Telemetry

/// How the spans of one trace relate. Parents are found by their ids; of two spans with one id (Zipkin's
/// shared spans) the server's is the parent. Spans whose parents form a circle relate to nobody.
struct TraceStructure {
    /// Numbers of a depth-first walk, as SQL's nested sets: a span's descendants have their `left` between
    /// its `left` and `right`. `parent` is the parent's `left`, -1 for roots; all are 0 of spans
    /// that do not descend from a root.
    struct NestedSets {
        var left: [Int32]
        var right: [Int32]
        var parent: [Int32]
    }

    /// The row of each span's parent; -1 where there is none.
    let parents: [Int32]
    /// Rows such that parents stand before their children; those below circles are left out.
    let order: [Int32]
    let childCounts: [Int32]
    /// The first span that says it has no parent.
    let root: Int?
    /// From the first start to the last end, nanoseconds.
    let start: Timestamp
    let duration: Int64
    let nestedSets: NestedSets

    /// - Parameter spans: all of one trace, by start time.
    init(_ spans: SpanBatch) {
        let named = Self.parents(spans)
        let order = Self.order(named, Children(named))
        var parents = [Int32](repeating: -1, count: spans.count)
        for row in order { parents[Int(row)] = named[Int(row)] }
        let children = Children(parents)
        self.order = order
        self.parents = parents
        childCounts = children.counts
        root = (0..<spans.count).first { !spans.parentIDs[$0].isValid }
        var (first, last) = (Timestamp.distantFuture, Timestamp.distantPast)
        for row in 0..<spans.count {
            first = min(first, spans.starts[row])
            last = max(last, spans.end(row))
        }
        start = spans.isEmpty ? .zero : first
        duration = spans.isEmpty ? 0 : max(0, last.nanoseconds(since: first))
        nestedSets = Self.nestedSets(spans, parents, children)
    }

    private static func parents(_ spans: SpanBatch) -> [Int32] {
        var rows: [SpanID: Int32] = [:]
        rows.reserveCapacity(spans.count)
        for row in 0..<spans.count {
            let id = spans.spanIDs[row]
            if rows[id] == nil || spans.kinds[row] == .server { rows[id] = Int32(row) }
        }
        return (0..<spans.count).map { row in
            let parent = spans.parentIDs[row]
            guard parent.isValid, let found = rows[parent], Int(found) != row else { return -1 }
            return found
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

    private static func nestedSets(
        _ spans: SpanBatch, _ parents: [Int32], _ children: Children
    ) -> NestedSets {
        let zeros = [Int32](repeating: 0, count: spans.count)
        var sets = NestedSets(left: zeros, right: zeros, parent: zeros)
        var number: Int32 = 0
        for root in 0..<spans.count where !spans.parentIDs[root].isValid {
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
        return sets
    }
}
