import QueryCore

/// What spans are turned into series by: the spans of each batch are read on some thread, and what was read
/// of them is taken in on one, batch by batch.
protocol SpanAccumulator: AnyObject {
    associatedtype Reading: SpanReading

    var reading: Reading { get }

    func take(_ part: Reading.Part) throws(QueryError)

    func results() throws(QueryError) -> [MetricSeries]
}

/// The part of the work that looks at spans.
protocol SpanReading: Sendable {
    associatedtype Part: Sendable

    /// Reads the spans at `rows`, ascending, all of which start in the range of the windows.
    func read(_ table: SpanTable, _ rows: [Int]) -> Part
}
