import QueryCore

/// What spans are turned into series by.
protocol SpanAccumulator: AnyObject {
    /// Takes the spans at `rows`, ascending, all of which start in the range of the windows.
    func observe(_ table: SpanTable, _ rows: [Int]) throws(QueryError)

    func results() throws(QueryError) -> [MetricSeries]
}
