import QueryCore
import Testing

@Suite("binary operators")
struct OperatorTests {
    private let store = TestStore(
        """
        a{l="1",m="x"} 10
        a{l="2",m="x"} 20
        a{l="2",m="y"} 30
        b{l="1"} 2
        b{l="2"} 4
        c{l="1",n="p"} 1
        c{l="1",n="q"} 1
        """)

    @Test(
        "scalars",
        arguments: [
            ("1 + 2 * 3", "7"), ("2 ^ 3 ^ 2", "512"), ("-2 ^ 2", "-4"), ("7 % 4", "3"),
            ("-7 % 4", "-3"), ("1 / 0", "+Inf"), ("0 / 0", "NaN"),
            ("1 atan2 0", "1.5707963267948966"),
            ("1 == bool 1", "1"), ("2 < bool 1", "0"), ("NaN == bool NaN", "0"), ("5m", "300"),
        ])
    func scalars(_ query: String, _ value: String) throws {
        #expect(try store.instant(query) == [value])
    }

    @Test(
        "a vector and a scalar",
        arguments: [
            ("b + 1", ["{l=\"1\"} 3", "{l=\"2\"} 5"]),
            ("1 - b", ["{l=\"1\"} -1", "{l=\"2\"} -3"]),
            ("b > 3", ["b{l=\"2\"} 4"]),
            ("3 < b", ["b{l=\"2\"} 4"]),
            ("b > bool 3", ["{l=\"1\"} 0", "{l=\"2\"} 1"]),
            ("b == 5", []),
        ])
    func vectorAndScalar(_ query: String, _ lines: [String]) throws {
        #expect(try store.instant(query) == lines)
    }

    @Test(
        "two vectors",
        arguments: [
            ("b * b", ["{l=\"1\"} 4", "{l=\"2\"} 16"]),
            ("a{m=\"x\"} / on (l) b", ["{l=\"1\"} 5", "{l=\"2\"} 5"]),
            ("a{m=\"x\"} / ignoring (m) b", ["{l=\"1\"} 5", "{l=\"2\"} 5"]),
            (
                "a / on (l) group_left b",
                [
                    "{l=\"1\", m=\"x\"} 5", "{l=\"2\", m=\"x\"} 5", "{l=\"2\", m=\"y\"} 7.5",
                ]
            ),
            (
                "b / on (l) group_right a",
                [
                    "{l=\"1\", m=\"x\"} 0.2", "{l=\"2\", m=\"x\"} 0.2",
                    "{l=\"2\", m=\"y\"} \(TestStore.text(4.0 / 30))",
                ]
            ),
            (
                "b * on (l) group_left (m) a{m=\"x\"}",
                ["{l=\"1\", m=\"x\"} 20", "{l=\"2\", m=\"x\"} 80"]
            ),
            (
                "a > on (l) group_left b",
                [
                    "a{l=\"1\", m=\"x\"} 10", "a{l=\"2\", m=\"x\"} 20", "a{l=\"2\", m=\"y\"} 30",
                ]
            ),
            ("a{m=\"x\"} > bool on (l) b", ["{l=\"1\"} 1", "{l=\"2\"} 1"]),
            ("a{m=\"x\"} > on (l) b", ["{l=\"1\"} 10", "{l=\"2\"} 20"]),
            ("b + nothing", []),
        ])
    func vectors(_ query: String, _ lines: [String]) throws {
        #expect(try store.instant(query) == lines)
    }

    @Test(
        "set operators",
        arguments: [
            ("a and on (l) b{l=\"1\"}", ["a{l=\"1\", m=\"x\"} 10"]),
            ("a unless on (l) b{l=\"1\"}", ["a{l=\"2\", m=\"x\"} 20", "a{l=\"2\", m=\"y\"} 30"]),
            (
                "b or a",
                [
                    "a{l=\"1\", m=\"x\"} 10", "a{l=\"2\", m=\"x\"} 20", "a{l=\"2\", m=\"y\"} 30",
                    "b{l=\"1\"} 2", "b{l=\"2\"} 4",
                ]
            ),
            (
                "b{l=\"1\"} or on (l) a",
                [
                    "a{l=\"2\", m=\"x\"} 20", "a{l=\"2\", m=\"y\"} 30", "b{l=\"1\"} 2",
                ]
            ),
            ("b and nothing", []),
            ("b unless nothing", ["b{l=\"1\"} 2", "b{l=\"2\"} 4"]),
        ])
    func sets(_ query: String, _ lines: [String]) throws {
        #expect(try store.instant(query) == lines)
    }

    @Test("set operators judge every step for itself")
    func setsPerStep() throws {
        let store = TestStore("x 1 2 3\ny 5 stale 5")
        #expect(try store.range("x and y", 0, 120, step: 60) == ["x 1 _ 3"])
        #expect(try store.range("x unless y", 0, 120, step: 60) == ["x _ 2 _"])
        #expect(try store.range("y or x", 0, 120, step: 60) == ["x _ 2 _", "y 5 _ 5"])
    }

    @Test(
        "ambiguous matches are errors that name the series",
        arguments: [
            (
                "b + on (l) a",
                "found duplicate series for the match group {l=\"2\"} on the right hand-side of the "
                    + "operation: [{__name__=\"a\", l=\"2\", m=\"x\"}, {__name__=\"a\", l=\"2\", m=\"y\"}]"
                    + ";many-to-many matching not allowed: matching labels must be unique on one side"
            ),
            (
                "c + on (l) group_right b",
                "found duplicate series for the match group {l=\"1\"} on the left hand-side of the "
                    + "operation: [{__name__=\"c\", l=\"1\", n=\"p\"}, {__name__=\"c\", l=\"1\", n=\"q\"}]"
                    + ";many-to-many matching not allowed: matching labels must be unique on one side"
            ),
            (
                "a + on (l) b",
                "multiple matches for labels: many-to-one matching must be explicit "
                    + "(group_left/group_right)"
            ),
            (
                "a * on (l) group_left (m) b",
                "multiple matches for labels: grouping labels must ensure unique matches"
            ),
        ])
    func ambiguous(_ query: String, _ message: String) throws {
        let error = failure { _ = try store.instant(query) }
        #expect(error?.message == message)
        #expect(error?.kind == .execution)
    }

    @Test("duplicates at different steps are no duplicates")
    func disjointSteps() throws {
        let store = TestStore("a 1 2\nb{m=\"1\"} 10 stale\nb{m=\"2\"} _ 20")
        #expect(try store.range("a + on () b", 0, 60, step: 60) == ["{} 11 22"])
    }
}
