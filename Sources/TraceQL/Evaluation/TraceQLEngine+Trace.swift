import QueryCore
import Telemetry

/// How far around the spans that a query yields a trace is shown, in levels of the tree.
package struct TraceSurroundings: Hashable, Sendable {
    /// `nil`: up to the root.
    package var ancestors: Int?
    /// `nil`: down to the leaves.
    package var descendants: Int?

    package init(ancestors: Int? = 0, descendants: Int? = 0) {
        self.ancestors = ancestors
        self.descendants = descendants
    }
}

extension TraceQLEngine {
    /// The rows of one whole trace that a query of spans yields, with those around them, ascending.
    /// - Complexity: O(spans) besides the query.
    /// - Throws: `bad_data` for a query that is wrong, that yields series or is not supported.
    package static func rows(
        of query: String, in trace: SpanBatch, with around: TraceSurroundings = .init()
    ) throws(QueryError) -> [Int] {
        let expression = try spansets(query)
        let table = SpanTable(trace, hasWholeTraces: true, patterns: PatternCache())
        guard let structure = table.trace else { return [] }
        let sets = try SpansetEvaluation(table, structure).sets(expression)
        let found = Set(sets.flatMap(\.rows))
        guard around != TraceSurroundings() else { return found.sorted() }
        let up = around.ancestors.map { min($0, trace.count) } ?? trace.count
        let down = around.descendants.map { min($0, trace.count) } ?? trace.count
        // How many levels further up, and down, a span takes others along; -1: it is not shown itself.
        var upwards = [Int](repeating: -1, count: trace.count)
        var downwards = upwards
        for row in found {
            upwards[row] = up
            downwards[row] = down
        }
        for child in structure.order.reversed() {
            let parent = Int(structure.parents[Int(child)])
            if parent >= 0 { upwards[parent] = max(upwards[parent], upwards[Int(child)] - 1) }
        }
        for child in structure.order {
            let parent = Int(structure.parents[Int(child)])
            if parent >= 0 {
                downwards[Int(child)] = max(downwards[Int(child)], downwards[parent] - 1)
            }
        }
        return upwards.indices.filter { upwards[$0] >= 0 || downwards[$0] >= 0 }
    }
}
