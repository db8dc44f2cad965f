import Platform
import Store
import Telemetry
import Testing

/// A trace read piece by piece is the trace.
@Suite struct TraceCursorTests {
    private func all(_ cursor: TraceCursor) throws -> [SpanRecord] {
        var spans: [SpanRecord] = []
        while let piece = try cursor.next() {
            #expect(!piece.isEmpty)
            for row in 0..<piece.count { spans.append(piece.span(at: row)) }
        }
        #expect(try cursor.next() == nil)
        #expect(spans.count == cursor.spanCount)
        return spans
    }

    @Test(
        "pieces are the spans of the trace in its order, duplicates collapsed",
        arguments: StoreKind.allCases, [51, 52, 53] as [UInt64])
    func pieces(kind: StoreKind, seed: UInt64) async throws {
        let store = try StoreUnderTest(kind)
        let generator = Generator(seed: seed)
        for _ in 0..<20 { _ = try await store.append(generator.spans()) }
        for number in 1...16 as ClosedRange<UInt64> {
            let id = TraceID(high: 9, low: number)
            let trace = try store.spans.trace(id)
            let expected = (0..<trace.count).map { trace.span(at: $0) }
            for spansAtOnce in [1, 3, 1_000] {
                let cursor = try store.spans.openTrace(
                    id, fields: .all, spansAtOnce: spansAtOnce)
                #expect(try all(cursor) == expected, "trace \(number), seed \(seed)")
            }
        }
    }

    @Test("a cursor shows the trace as it was when it was opened", arguments: StoreKind.allCases)
    func snapshot(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        let generator = Generator(seed: 60)
        for _ in 0..<8 { _ = try await store.append(generator.spans()) }
        let id = TraceID(high: 9, low: 3)
        let before = try store.spans.trace(id)
        let cursor = try store.spans.openTrace(id, fields: .all, spansAtOnce: 2)
        // No restart in between: the file stays open.
        for _ in 0..<3 { _ = try await store.append(generator.spans()) }
        #expect(try all(cursor) == (0..<before.count).map { before.span(at: $0) })
    }
}
