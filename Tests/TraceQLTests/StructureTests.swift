import Telemetry
import Testing
import TraceQL

struct StructureTests {
    /// 1 → 2 → 4, 1 → 3 → 5, 3 → 6; 7 has a parent that was never received.
    private func tree() -> TestSpans {
        let spans = TestSpans()
        spans.add(1, "root", at: 0)
        spans.add(2, parent: 1, "a", at: 1)
        spans.add(3, parent: 1, "b", at: 2)
        spans.add(4, parent: 2, "leaf", at: 3)
        spans.add(5, parent: 3, "leaf", at: 4)
        spans.add(6, parent: 3, "a", at: 5)
        spans.add(7, parent: 99, "orphan", at: 6)
        return spans
    }

    @Test(
        "structural operators relate the spans of a trace",
        arguments: [
            ("{ name = \"root\" } > { }", [2, 3]), ("{ name = \"root\" } >> { }", [2, 3, 4, 5, 6]),
            ("{ name = \"leaf\" } < { }", [2, 3]), ("{ name = \"leaf\" } << { }", [1, 2, 3]),
            ("{ name = \"a\" } ~ { }", [3, 5]), ("{ name = \"a\" } ~ { name = \"b\" }", [3]),
            ("{ name = \"b\" } > { name = \"leaf\" }", [5]),
            ("{ name = \"a\" } !> { name = \"leaf\" }", [5]),
            ("{ name = \"b\" } !>> { }", [1, 2, 3, 4, 7]),
            ("{ name = \"leaf\" } !< { }", [1, 4, 5, 6, 7]),
            ("{ name = \"leaf\" } !<< { }", [4, 5, 6, 7]),
            ("{ name = \"a\" } !~ { name = \"leaf\" }", [4]),
            ("{ name = \"nobody\" } !>> { name = \"leaf\" }", [4, 5]),
            ("{ name = \"root\" } &> { name = \"b\" }", [1, 3]),
            ("{ name = \"leaf\" } &< { name = \"b\" }", [3, 5]),
            ("{ name = \"root\" } &>> { name = \"leaf\" }", [1, 4, 5]),
            ("{ name = \"leaf\" } &<< { name = \"a\" }", [2, 4]),
            ("{ name = \"a\" } &~ { name = \"leaf\" }", [5, 6]),
            ("{ name = \"a\" } && { name = \"leaf\" }", [2, 4, 5, 6]),
            ("{ name = \"a\" } && { name = \"nobody\" }", []),
            ("{ name = \"a\" } || { name = \"nobody\" }", [2, 6]),
            ("{ name = \"root\" } > { } > { name = \"leaf\" }", [4, 5]),
            ("{ name = \"orphan\" } !> { name = \"root\" }", [1]),
        ] as [(String, [UInt64])])
    func operators(query: String, expected: [UInt64]) throws {
        #expect(try tree().ids(query) == expected, "\(query)")
    }

    @Test("structure is judged over all fragments of a trace, also outside the range searched")
    func fragments() throws {
        let spans = TestSpans()
        spans.add(2, parent: 1, "child", at: 5_000)
        spans.add(1, "root", at: 0)
        let range = TimeRange(start: Timestamp(milliseconds: 4_000), end: .distantFuture)
        #expect(try spans.sets("{ name = \"root\" } > { name = \"child\" }", in: range) == ["1: 2"])
    }

    @Test("spans that name the same missing parent are siblings; roots are not")
    func siblings() throws {
        let spans = TestSpans()
        spans.add(1, parent: 50, "x", at: 0)
        spans.add(2, parent: 50, "y", at: 1)
        spans.add(3, "x", at: 2)
        spans.add(4, "y", at: 3)
        #expect(try spans.ids("{ name = \"x\" } ~ { name = \"y\" }") == [2])
    }

    @Test("a shared span's children belong to the server's side")
    func sharedSpan() throws {
        let spans = TestSpans()
        spans.add(1, "client", at: 0) { $0.kind = .client }
        spans.add(1, "server", at: 1) { $0.kind = .server }
        spans.add(2, parent: 1, "inner", at: 2)
        #expect(try spans.ids("{ kind = server } > { name = \"inner\" }") == [2])
        #expect(try spans.ids("{ kind = client } > { name = \"inner\" }") == [])
    }
}
