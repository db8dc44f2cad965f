import QueryCore
import Telemetry

/// Which spans an expression yields of many traces at once, without saying in which sets they stand.
///
/// As long as a query makes no more than one set of a trace, a set is a list of rows and what relates spans
/// looks at all traces together; where it splits sets (`by`), each trace is judged by itself.
extension SpansetEvaluation {
    /// The spans of all sets that the expression yields, ascending.
    func rows(_ expression: SpansetExpression) throws(QueryError) -> [Int] {
        try rows(expression, Array(0..<table.batch.count))
    }

    private func rows(
        _ expression: SpansetExpression, _ input: [Int]
    ) throws(QueryError) -> [Int] {
        guard expression.makesOneSet || expression.isPipeline else {
            return try rowsByTrace(input) { (set) throws(QueryError) in
                try evaluate(expression, set)
            }
        }
        switch expression {
        case .filter(let condition, _): return table.select(condition, input)
        case .operation(.and, let left, let right, _):
            return inBoth(try rows(left, input), try rows(right, input))
        case .operation(.or, let left, let right, _):
            return SortedRows.union(try rows(left, input), try rows(right, input))
        case .operation(let operation, let left, let right, _):
            return relations.join(operation, try rows(left, input), try rows(right, input))
        case .pipeline(let stages, _): return try rows(stages, input)
        case .comparison: return []
        }
    }

    private func rows(_ stages: [Stage], _ input: [Int]) throws(QueryError) -> [Int] {
        var rows = input
        for (index, stage) in stages.enumerated() where !rows.isEmpty {
            guard stage.makesOneSet else {
                let rest = Array(stages[index...])
                return try rowsByTrace(rows) { (set) throws(QueryError) in
                    try evaluate(rest, [set])
                }
            }
            switch stage {
            case .spansets(let expression): rows = try self.rows(expression, rows)
            case .filter(let filter):
                rows = try rowsByTrace(rows) { (set) throws(QueryError) in
                    self.filter(set, filter).map { [$0] } ?? []
                }
            case .group, .coalesce, .select, .aggregate: break
            }
        }
        return rows
    }

    private func rowsByTrace(
        _ rows: [Int], _ evaluate: (Spanset) throws(QueryError) -> [Spanset]
    ) throws(QueryError) -> [Int] {
        var kept: [Int] = []
        var first = 0
        while first < rows.count {
            let end = trace.traces[Int(trace.traceOfRow[rows[first]])].rows.upperBound
            var last = first
            while last < rows.count, rows[last] < end { last += 1 }
            let sets = try evaluate(Spanset(rows: Array(rows[first..<last])))
            kept += Self.rows(sets)
            first = last
        }
        return kept
    }

    /// The rows of both lists, of the traces that are in both.
    private func inBoth(_ left: [Int], _ right: [Int]) -> [Int] {
        let traceOfRow = trace.traceOfRow
        var flags = [UInt8](repeating: 0, count: trace.traces.count)
        for row in left { flags[Int(traceOfRow[row])] |= 1 }
        for row in right { flags[Int(traceOfRow[row])] |= 2 }
        return SortedRows.union(left, right).filter { flags[Int(traceOfRow[$0])] == 3 }
    }
}

extension SpansetExpression {
    /// Whether it yields one set of a trace at most.
    fileprivate var makesOneSet: Bool {
        switch self {
        case .filter: true
        case .operation(_, let left, let right, _): left.makesOneSet && right.makesOneSet
        case .pipeline(let stages, _): stages.allSatisfy(\.makesOneSet)
        case .comparison: false
        }
    }

    fileprivate var isPipeline: Bool {
        if case .pipeline = self { return true }
        return false
    }
}

extension Stage {
    fileprivate var makesOneSet: Bool {
        switch self {
        case .spansets(let expression): expression.makesOneSet
        case .filter, .coalesce, .select, .aggregate: true
        case .group: false
        }
    }
}
