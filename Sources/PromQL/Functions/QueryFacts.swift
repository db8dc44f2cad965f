import QueryCore

/// `start()`, `end()`, `range()` and `step()`: of the whole query in seconds, also inside subqueries.
/// At an instant, `range()` and `step()` are 0.
extension Evaluator {
    func queryFact(_ function: Function) -> Double? {
        switch function {
        case .start: Double(queryStart) / 1_000
        case .end: Double(queryEnd) / 1_000
        case .range: Double(queryEnd &- queryStart) / 1_000
        case .step: queryStart == queryEnd ? 0 : Double(queryStep) / 1_000
        default: nil
        }
    }

    /// `max_of` and `min_of`; NaN if either is.
    mutating func extremeOf(_ node: FunctionCall) throws(QueryError) -> StepScalar {
        let a = try scalar(node.arguments[0])
        let b = try scalar(node.arguments[1])
        return StepScalar.map(a, b) { a, b in
            if a.isNaN || b.isNaN { return .nan }
            return node.function == .maxOf ? max(a, b) : min(a, b)
        }
    }
}
