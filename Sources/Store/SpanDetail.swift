import Telemetry

extension SpanBatch {
    /// How much a span tells: whether it took any time, which one that is reported while it still runs did
    /// not; then its attributes, events and links. Of spans with equal (trace, span, kind) the one with
    /// most is kept, of equals the one written last.
    package func detailCount(_ row: Int) -> Int {
        let count = attributeRange(row).count + eventRange(row).count + linkRange(row).count
        return durations[row] > 0 ? count + (1 << 40) : count
    }
}
