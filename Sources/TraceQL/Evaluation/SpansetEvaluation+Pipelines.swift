import QueryCore
import Telemetry

/// Comparisons of what pipelines in parentheses come to: `({a} | count()) > ({b} | count())`. They yield the
/// spans of all the pipelines.
///
/// A pipeline that yields no spans counts 0, and its other aggregates have no value, of which no comparison
/// holds. A pipeline that splits its spans into sets (`by`) may be compared with a number, set by set; it
/// cannot be compared with another pipeline.
extension SpansetEvaluation {
    func compare(
        _ filter: ScalarFilter, _ input: Spanset
    ) throws(QueryError) -> [Spanset] {
        let pipelines = filter.left.pipelines + filter.right.pipelines
        var results: [[Spanset]] = []
        for stages in pipelines { results.append(try evaluate(stages, [input])) }
        if results.count == 1 {
            return results[0].compactMap { compare(filter, [$0]) }
        }
        guard results.allSatisfy({ $0.count <= 1 }) else {
            throw Self.severalSets("comparisons of pipelines")
        }
        return compare(filter, results.map { $0.first ?? Spanset(rows: []) }).map { [$0] } ?? []
    }

    /// - Parameter sets: one a pipeline, in the order of the query.
    /// - Returns: their spans, if the comparison holds and there are any.
    private func compare(_ filter: ScalarFilter, _ sets: [Spanset]) -> Spanset? {
        let rows = Self.rows(sets)
        guard !rows.isEmpty else { return nil }
        var found = Spanset(rows: rows, attributes: sets.flatMap(\.attributes))
        var left = sets[...]
        let values = (
            value(filter.left, &left, &found.attributes),
            value(filter.right, &left, &found.attributes)
        )
        guard let a = values.0, let b = values.1, table.holds(filter.comparison, a, b) else {
            return nil
        }
        return found
    }

    /// Takes the sets of the pipelines in the order in which they stand in the expression.
    private func value(
        _ expression: ScalarExpression, _ sets: inout ArraySlice<Spanset>,
        _ shown: inout [Attribute]
    ) -> Cell? {
        switch expression {
        case .literal(let literal, _): return table.cell(literal)
        case .operation(let operation, let left, let right, _):
            // Both are taken, also if the first has no value.
            let (a, b) = (value(left, &sets, &shown), value(right, &sets, &shown))
            guard let a, let b else { return nil }
            let result = SpanTable.apply(operation, a, b)
            return result.kind == .null ? nil : result
        case .pipeline(let stages, _):
            guard let set = sets.popFirst(), case .aggregate(let aggregate)? = stages.last,
                let cell = value(aggregate, set.rows)
            else { return nil }
            shown.append(Attribute(expression.description, table.value(cell)))
            return cell
        case .aggregate: return nil
        }
    }
}

extension ScalarExpression {
    /// The pipelines in it, in order.
    var pipelines: [[Stage]] {
        switch self {
        case .literal, .aggregate: []
        case .operation(_, let left, let right, _): left.pipelines + right.pipelines
        case .pipeline(let stages, _): [stages]
        }
    }
}
