import QueryCore
import Store
import Telemetry
import Testing
import TraceQL

@Suite("Pages of a search")
struct SearchPageTests {
    /// 120 traces in three groups of equal starts; every third has a child, whose start decides.
    private func spans() -> TestSpans {
        let spans = TestSpans()
        for trace in UInt64(1)...120 {
            spans.add(trace: trace, 1, "a", at: Int64(trace / 40) * 1_000)
            if trace % 3 == 0 {
                spans.add(trace: trace, 2, parent: 1, "b", at: Int64(trace % 7) * 500)
            }
        }
        return spans
    }

    private static let queries = [
        "{ }", "{ name = \"b\" }", "{ name = \"a\" } > { name = \"b\" }", "{ } | count() > 1",
        "({ name = \"a\" } | count()) > ({ name = \"b\" } | count())",
    ]

    @Test("put together they are the whole, each result once", arguments: queries)
    func whole(query: String) throws {
        let engine = spans().engine
        let all = try engine.search(TraceQLSearch(query: query, limit: 1_000))
        #expect(all.next == nil && all.count == ResultCount(all.traces.count, isExact: true))
        var pages: [TraceID] = []
        var page = SearchPage()
        while true {
            let result = try engine.search(TraceQLSearch(query: query, limit: 7, page: page))
            pages += result.traces.map(\.id)
            #expect(result.count.value >= pages.count)
            #expect(!result.count.isExact || result.count.value == all.traces.count)
            try #require(pages.count <= all.traces.count)
            guard let next = result.next else { break }
            #expect(next.count == pages.count)
            page.after = next
        }
        #expect(pages == all.traces.map(\.id))
    }

    @Test("a trace is not shown again for its older spans, which stand behind the cursor")
    func olderSpan() throws {
        let spans = spans()
        let first = try spans.engine.search(TraceQLSearch(query: "{ }", limit: 30))
        let shown = first.traces[29].id
        spans.add(trace: shown.low, 7, "late", at: -5_000)
        let next = try #require(first.next)
        let rest = try spans.engine.search(
            TraceQLSearch(query: "{ }", limit: 1_000, page: SearchPage(after: next)))
        #expect(!rest.traces.contains { $0.id == shown })
        #expect(first.traces.count + rest.traces.count == 120)
    }

    @Test("a count that was asked for is exact, also of one page", arguments: queries)
    func exactCount(query: String) throws {
        let engine = spans().engine
        let all = try engine.search(TraceQLSearch(query: query, limit: 1_000))
        let page = SearchPage(wantsCount: true)
        let one = try engine.search(TraceQLSearch(query: query, limit: 5, page: page))
        #expect(one.count == ResultCount(all.traces.count, isExact: true))
        #expect(one.traces.map(\.id) == all.traces.prefix(5).map(\.id))
    }

    @Test("a cursor reads back from its text, and only for its query")
    func text() throws {
        let cursor = SearchCursor(
            newestStart: Timestamp(nanoseconds: 1_234), trace: TraceID(high: 1, low: 2), count: 40)
        #expect(try SearchCursor(cursor.text(of: "{ }"), of: "{ }") == cursor)
        #expect(
            failure { _ = try SearchCursor(cursor.text(of: "{ }"), of: "{ .a }") }?.message
                == "the cursor belongs to another query; ask for its first page without one")
        for text in ["", "x", "1-2-3", "1-zz-3-4", "x-0a-3-4", "1-0a--4-4"] {
            #expect(failure { _ = try SearchCursor(text, of: "{ }") }?.kind == .badData, "\(text)")
        }
    }
}
