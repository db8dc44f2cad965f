import QueryCore
import Telemetry
import Testing
import TraceQL

@Suite("Attributes that are arrays")
struct ArrayTests {
    private func spans() -> TestSpans {
        let spans = TestSpans()
        spans.add(1, "s", [Attribute("hosts", .array([.string("a"), .string("b")]))])
        spans.add(2, "s", [Attribute("hosts", .string("a"))])
        spans.add(3, "s", [Attribute("hosts", .array([.string("c")]))])
        spans.add(4)
        spans.add(5, "s", [Attribute("n", .array([.int(1), .double(2.5), .bool(true)]))])
        spans.add(6, resource: [Attribute("hosts", .array([.string("b")]))])
        return spans
    }

    @Test(
        "one element that satisfies is enough, but != and !~ hold of all",
        arguments: [
            ("{ .hosts = \"a\" }", [1, 2]), ("{ .hosts != \"a\" }", [3, 6]),
            ("{ .hosts =~ \"a|c\" }", [1, 2, 3]), ("{ .hosts !~ \"a\" }", [3, 6]),
            ("{ \"b\" = .hosts }", [1, 6]), ("{ resource.hosts = \"b\" }", [6]),
            ("{ span.hosts > \"b\" }", [3]), ("{ .n > 2 }", [5]), ("{ .n = 1 }", [5]),
            ("{ .n = 1.0 }", [5]), ("{ .n = true }", [5]), ("{ .n = 3 }", []),
            ("{ .n != 3 }", []), ("{ .hosts != nil }", [1, 2, 3, 6]),
            ("{ .hosts = .hosts }", [2]), ("{ .hosts = .missing }", []),
        ] as [(String, [UInt64])])
    func comparisons(query: String, expected: [UInt64]) throws {
        #expect(try spans().ids(query) == expected, "\(query)")
    }

    @Test("elements are listed as values, and arrays are groups")
    func values() throws {
        let engine = spans().engine
        let values = try engine.values(
            of: Field(.span, "hosts"), matching: "", in: .all, limit: 10)
        #expect(values == [.string("a"), .string("b"), .string("c")])
        #expect(
            try spans().series(
                "{ span.hosts != nil } | count_over_time() by(span.hosts)", from: 0, to: 10,
                step: 10
            ) == [
                #"span.hosts=["a","b"]: 1 0"#, #"span.hosts=["c"]: 1 0"#, "span.hosts=a: 1 0",
            ])
    }
}
