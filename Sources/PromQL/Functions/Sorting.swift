import QueryCore

extension Evaluator {
    /// `sort` and `sort_desc`: by value, NaN last, equal values by labels. A range query has no order
    /// to keep.
    mutating func sort(_ node: FunctionCall, descending: Bool) throws(QueryError) -> [StepSeries] {
        let series = try vector(node.arguments[0])
        guard steps.count == 1 else {
            noteIneffectiveSort(node)
            return series
        }
        return series.filter { !$0.hasHistograms }.sorted { a, b in
            let (left, right) = (a.values[0], b.values[0])
            if left.isNaN || right.isNaN {
                return left.isNaN == right.isNaN
                    ? a.shownLabels.comesBefore(b.shownLabels) : right.isNaN
            }
            if left == right { return a.shownLabels.comesBefore(b.shownLabels) }
            return descending ? left > right : left < right
        }
    }
}
