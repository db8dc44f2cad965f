import QueryCore
import Store
import Telemetry
import Testing
import TraceQL

struct PipelineTests {
    private func traces() -> TestSpans {
        let spans = TestSpans()
        for (id, size) in [(1, 10), (2, 20), (3, 30)] as [(UInt64, Int64)] {
            spans.add(
                trace: 1, id, parent: id == 1 ? 0 : 1, id == 3 ? "b" : "a", at: Int64(id),
                lasting: size, [Attribute("size", .int(size))])
        }
        spans.add(trace: 2, 1, "a", at: 100, lasting: 1, [Attribute("size", .double(2.5))])
        spans.add(trace: 2, 2, parent: 1, "c", at: 101, lasting: 1)
        return spans
    }

    @Test(
        "aggregates keep the sets of which their comparison holds",
        arguments: [
            ("{ } | count() > 2", ["1: 1 2 3"]), ("{ } | count() = 2", ["2: 1 2"]),
            ("{ name = \"a\" } | count() > 1", ["1: 1 2"]),
            ("{ } | sum(.size) = 60", ["1: 1 2 3"]), ("{ } | sum(.size) < 3", ["2: 1 2"]),
            ("{ } | avg(.size) = 20", ["1: 1 2 3"]), ("{ } | avg(duration) = 20ms", ["1: 1 2 3"]),
            ("{ } | min(.size) = 10", ["1: 1 2 3"]),
            ("{ } | max(.size) > 2", ["2: 1 2", "1: 1 2 3"]),
            ("{ } | max(duration) - min(duration) = 20ms", ["1: 1 2 3"]),
            ("{ } | sum(.missing) > 0", []), ("count() > 2", ["1: 1 2 3"]),
            ("{ } | by(name)", ["2: 1", "2: 2", "1: 1 2", "1: 3"]),
            ("{ } | by(name) | count() > 1", ["1: 1 2"]),
            ("{ } | by(name) | coalesce() | count() > 2", ["1: 1 2 3"]),
            ("{ } | by(duration > 15ms)", ["2: 1 2", "1: 1", "1: 2 3"]),
            ("({ name = \"a\" } | count() > 1) && ({ name = \"b\" })", ["1: 1 2 3"]),
            ("({ name = \"a\" } | count() > 1) > ({ name = \"b\" } | count() > 0)", ["1: 3"]),
            ("({ name = \"b\" } | count() > 1) || ({ name = \"c\" } | count() > 0)", ["2: 2"]),
            ("{ } | select(.size) | { name = \"b\" }", ["1: 3"]),
        ] as [(String, [String])])
    func aggregates(query: String, expected: [String]) throws {
        #expect(try traces().sets(query) == expected, "\(query)")
    }

    @Test("a structural operator on several sets of one trace is refused, and says what helps")
    func severalSets() {
        let query = "({ } | by(name)) > ({ })"
        #expect(
            failure { _ = try traces().sets(query) }?.message
                == "spanset operators are not supported for multiple spansets per trace. "
                + "consider using coalesce()")
    }

    @Test("results show the fields that the query names, groups and aggregates")
    func shownFields() throws {
        let query = "{ .size > 5 } | select(kind, resource.service.name) | by(name) | count() > 0"
        let result = try traces().engine.search(TraceQLSearch(query: query, spansPerSet: 1))
        let trace = try #require(result.traces.last)
        #expect(trace.rootName == "a" && trace.rootService == "shop")
        #expect(trace.start == Timestamp(milliseconds: 1) && trace.duration == 32_000_000)
        #expect(trace.services["shop"]?.spanCount == 3)
        #expect(trace.sets.map(\.matchedCount) == [2, 1])
        #expect(
            trace.sets[0].attributes == [
                Attribute("by(name)", .string("a")), Attribute("count()", .int(2)),
            ])
        #expect(trace.sets[0].spans.count == 1)
        #expect(
            trace.sets[0].spans[0].attributes == [
                Attribute("size", .int(10)), Attribute("kind", .string("unspecified")),
                Attribute("service.name", .string("shop")),
            ])
    }

    @Test("the newest traces come first and the limit cuts the rest")
    func order() throws {
        let spans = TestSpans()
        for trace in UInt64(1)...300 {
            spans.add(trace: trace, 1, "a", at: Int64(trace) * 10)
            if trace % 3 == 0 {
                spans.add(trace: trace, 2, parent: 1, "b", at: Int64(trace) * 10 + 1)
            }
        }
        #expect(try spans.sets("{ }", limit: 3) == ["300: 1 2", "299: 1", "298: 1"])
        #expect(
            try spans.sets("{ name = \"a\" } > { name = \"b\" }", limit: 3)
                == ["300: 2", "297: 2", "294: 2"])
        #expect(try spans.sets("{ } | count() > 1").count == 100)
    }

    @Test("a trace that is too large is judged by its first spans, and the answer says so")
    func largeTrace() throws {
        let spans = TestSpans()
        for id in UInt64(1)...20 { spans.add(id, at: Int64(id)) }
        var limits = TraceQLLimits()
        limits.traceSpansMax = 5
        let engine = TraceQLEngine(store: spans.store, limits: limits)
        let result = try engine.search(TraceQLSearch(query: "{ } | count() > 0"))
        #expect(result.isPartial && result.traces[0].sets[0].matchedCount == 5)
    }

    @Test("a search can ask for how long whole traces took")
    func traceDuration() throws {
        let search = TraceQLSearch(query: "{ }", traceDuration: 20_000_000...100_000_000)
        #expect(try traces().engine.search(search).traces.map(\.id.low) == [1])
    }
}
