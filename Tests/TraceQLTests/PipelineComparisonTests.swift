import QueryCore
import Telemetry
import Testing
import TraceQL

@Suite("Comparisons of pipelines")
struct PipelineComparisonTests {
    /// Trace 1 has two spans a and one b, trace 2 one a and two b, trace 3 one b; spans a take 10 ms, those b
    /// 30 ms.
    private func traces() -> TestSpans {
        let spans = TestSpans()
        for (trace, names) in [(UInt64(1), "aab"), (2, "abb"), (3, "b")] {
            for (index, name) in names.enumerated() {
                spans.add(
                    trace: trace, UInt64(index + 1), "\(name)",
                    at: Int64(trace) * 1_000 + Int64(index), lasting: name == "a" ? 10 : 30)
            }
        }
        return spans
    }

    @Test(
        "the spans of all pipelines are yielded where the comparison holds",
        arguments: [
            ("({ name = \"a\" } | count()) > ({ name = \"b\" } | count())", ["1: 1 2 3"]),
            (
                "({ name = \"a\" } | count()) < ({ name = \"b\" } | count())",
                ["3: 1", "2: 1 2 3"]
            ),
            (
                "({ name = \"a\" } | count()) + ({ name = \"b\" } | count()) = 3",
                ["2: 1 2 3", "1: 1 2 3"]
            ),
            ("({ name = \"a\" } | count()) * 2 - ({ name = \"b\" } | count()) = 3", ["1: 1 2 3"]),
            (
                "({ name = \"b\" } | sum(duration)) > 50ms",
                ["2: 2 3"]
            ),
            (
                "({ name = \"b\" } | max(duration)) >= ({ name = \"a\" } | max(duration)) * 3",
                ["2: 1 2 3", "1: 1 2 3"]
            ),
            ("({ name = \"b\" } | count()) / ({ name = \"a\" } | count()) = 2", ["2: 1 2 3"]),
            ("(({ name = \"a\" } | count())) = 2", ["1: 1 2"]),
        ] as [(String, [String])])
    func results(query: String, expected: [String]) throws {
        #expect(try traces().sets(query) == expected, "\(query)")
    }

    @Test("without spans nothing is yielded, and an aggregate other than count has no value")
    func nothing() throws {
        #expect(
            try traces().sets("({ name = \"x\" } | count()) = ({ name = \"y\" } | count())") == [])
        #expect(
            try traces().sets(
                "({ name = \"b\" } | count()) > ({ name = \"x\" } | max(duration))") == [])
    }

    @Test("one pipeline is compared set by set, several only if each yields one")
    func sets() throws {
        #expect(
            try traces().sets("({ } | by(name) | count()) > 1") == ["2: 2 3", "1: 1 2"])
        let several = "({ } | by(name) | count()) > ({ name = \"a\" } | count())"
        #expect(
            failure { _ = try traces().sets(several) }?.message
                == "comparisons of pipelines are not supported for multiple spansets per trace. "
                + "consider using coalesce()")
        #expect(
            try traces().sets(
                "({ } | by(name) | coalesce() | count()) > ({ name = \"a\" } | count()) + 1")
                == ["2: 1 2 3"])
    }

    @Test("what the aggregates came to is shown")
    func shown() throws {
        let search = TraceQLSearch(
            query: "({ name = \"a\" } | count()) > ({ name = \"b\" } | count())")
        let result = try traces().engine.search(search)
        #expect(
            result.traces.first?.sets.first?.attributes == [
                Attribute("({ name = \"a\" } | count())", .int(2)),
                Attribute("({ name = \"b\" } | count())", .int(1)),
            ])
    }

    @Test("whether the parent of a span was received is asked by nil")
    func parent() throws {
        let spans = TestSpans()
        spans.add(1)
        spans.add(2, parent: 1)
        spans.add(3, parent: 9)
        #expect(try spans.ids("{ parent = nil }") == [1, 3])
        #expect(try spans.ids("{ parent != nil }") == [2])
        #expect(try spans.ids("{ nil = parent && span:parentID != \"\" }") == [3])
    }
}
