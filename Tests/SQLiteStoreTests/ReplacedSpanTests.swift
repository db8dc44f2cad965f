import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite("Spans with the id of another one")
struct ReplacedSpanTests {
    private static let counter = "sidelight_store_replaced_items_total"

    private func renamed(_ batch: SpanBatch) -> SpanBatch {
        var other = batch
        let name = other.strings.intern("other")
        other.names = other.names.map { _ in name }
        return other
    }

    @Test("are counted once when they say something else, whether they come together or apart")
    func counted() async throws {
        let temporary = try TemporaryStore()
        let spans = Sample.spans(trace: 1, count: 3)
        _ = try await temporary.append(spans)
        _ = try await temporary.append(spans)
        try temporary.store.seal()
        #expect(temporary.events.count(Self.counter, labels: ["traces"]) == 0, "they are equal")
        _ = try await temporary.append(renamed(spans))
        _ = try await temporary.append(spans)
        try temporary.store.seal()
        #expect(temporary.events.count(Self.counter, labels: ["traces"]) == 3)
        let kept = try temporary.store.trace(spans.traceIDs[0])
        #expect(kept.count == 3)
    }
}
