import Telemetry

extension SpanBatch {
    /// How much a span tells: its attributes, events and links. Of spans with equal (trace, span,
    /// kind) the one with most of them is kept, of equals the one written last.
    package func detailCount(_ row: Int) -> Int {
        attributeRange(row).count + eventRange(row).count + linkRange(row).count
    }
}
