import Telemetry

/// The structural operators: which spans of two sets relate to one of the other. Sets may hold spans of
/// many traces; only those of one trace relate.
struct SpansetRelations {
    private let spans: SpanBatch
    private let trace: TraceStructure

    init(_ spans: SpanBatch, _ trace: TraceStructure) {
        self.spans = spans
        self.trace = trace
    }

    /// Spans of `right` that relate to one of `left`; for the negated operators those that do not; for
    /// the union operators also those of `left` that relate.
    /// - Complexity: O(spans of the batch).
    func join(_ operation: SpansetOperator, _ left: [Int], _ right: [Int]) -> [Int] {
        guard !right.isEmpty else { return [] }
        switch operation {
        case .and, .or: return SortedRows.union(left, right)
        case .child, .notChild:
            return keep(right, related: hasParent(in: flags(left)), operation.isNegated)
        case .parent, .notParent:
            return keep(right, related: hasChild(in: left), operation.isNegated)
        case .descendant, .notDescendant:
            return keep(right, related: hasAncestor(in: flags(left)), operation.isNegated)
        case .ancestor, .notAncestor:
            return keep(right, related: hasDescendant(in: flags(left)), operation.isNegated)
        case .sibling, .notSibling:
            return keepSiblings(right, of: left, isNegated: operation.isNegated)
        case .unionChild: return both(.child, .parent, left, right)
        case .unionParent: return both(.parent, .child, left, right)
        case .unionDescendant: return both(.descendant, .ancestor, left, right)
        case .unionAncestor: return both(.ancestor, .descendant, left, right)
        case .unionSibling: return both(.sibling, .sibling, left, right)
        }
    }

    private func both(
        _ forward: SpansetOperator, _ backward: SpansetOperator, _ left: [Int], _ right: [Int]
    ) -> [Int] {
        SortedRows.union(join(forward, left, right), join(backward, right, left))
    }

    private func keep(_ rows: [Int], related: [Bool], _ isNegated: Bool) -> [Int] {
        rows.filter { related[$0] != isNegated }
    }

    private func flags(_ rows: [Int]) -> [Bool] {
        var flags = [Bool](repeating: false, count: spans.count)
        for row in rows { flags[row] = true }
        return flags
    }

    private func hasParent(in flags: [Bool]) -> [Bool] {
        trace.parents.map { $0 >= 0 && flags[Int($0)] }
    }

    private func hasChild(in rows: [Int]) -> [Bool] {
        flags(rows.map { Int(trace.parents[$0]) }.filter { $0 >= 0 })
    }

    private func hasAncestor(in flags: [Bool]) -> [Bool] {
        var found = [Bool](repeating: false, count: spans.count)
        for row in trace.order {
            let parent = Int(trace.parents[Int(row)])
            if parent >= 0 { found[Int(row)] = flags[parent] || found[parent] }
        }
        return found
    }

    private func hasDescendant(in flags: [Bool]) -> [Bool] {
        var found = [Bool](repeating: false, count: spans.count)
        for row in trace.order.reversed() where flags[Int(row)] || found[Int(row)] {
            let parent = Int(trace.parents[Int(row)])
            if parent >= 0 { found[parent] = true }
        }
        return found
    }

    private struct Parent: Hashable {
        var trace: UInt32
        var id: SpanID
    }

    /// Spans are siblings if they name the same parent, also one that was never received.
    private func keepSiblings(_ rows: [Int], of others: [Int], isNegated: Bool) -> [Int] {
        func parent(_ row: Int) -> Parent {
            Parent(trace: trace.traceOfRow[row], id: spans.parentIDs[row])
        }
        var counts: [Parent: Int] = [:]
        for row in others { counts[parent(row), default: 0] += 1 }
        let flags = flags(others)
        return rows.filter { row in
            let parent = parent(row)
            let others = (counts[parent] ?? 0) - (flags[row] ? 1 : 0)
            return (parent.id.isValid && others > 0) != isNegated
        }
    }
}
