import PromQL
import QueryCore
import Testing

@Suite("names of metrics go when the query ends")
struct DroppedNameTests {
    private let store = TestStore(
        interval: 300_000,
        """
        a_total{env="1"} 0 60 120
        b_total{env="1"} 60 120 180
        b_total{env="2"} 0 300 600
        """)

    private func instant(_ query: String) throws -> [String] {
        try store.instant(query, at: 600).sorted()
    }

    @Test(
        "what changes the meaning of a value drops the name",
        arguments: [
            "-a_total", "a_total + 0", "a_total + on(env) b_total", "a_total <= bool 1e9",
            "a_total <= bool on(env) b_total", "clamp(a_total, 0, 100)", "round(a_total)",
            "abs(a_total)", "rate(a_total[10m])", "max_over_time(a_total[10m])",
            "timestamp(a_total)", "last_over_time(abs(a_total)[10m:])", "topk(1, abs(a_total))",
            "abs(a_total) > 1", "abs(a_total) and a_total", "sum by (__name__, env) (abs(a_total))",
            "avg by (__name__, env) (rate(a_total[10m]))",
            "quantile by (__name__, env) (0.5, abs(a_total))", "limitk(1, abs(a_total))",
            "sort(abs(a_total))",
            "label_replace(abs(a_total), \"__name__\", \"x\", \"env\", \"no\")",
        ])
    func drops(query: String) throws {
        let lines = try instant(query)
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("{env=\"1\"} ") == true, "\(lines)")
    }

    @Test(
        "what only chooses among values keeps it",
        arguments: [
            "a_total > 1", "a_total < b_total", "last_over_time(a_total[10m])",
            "first_over_time(a_total[10m])", "topk(1, a_total)", "sum by (__name__, env) (a_total)",
            "a_total or on(env) abs(b_total{env=\"1\"})", "+a_total", "(a_total)",
            "label_replace(abs(a_total), \"__name__\", \"$1\", \"__name__\", \"(.*)\")",
            "label_join(abs(a_total), \"__name__\", \"\", \"__name__\")",
            "label_replace(sum by (__name__, env) (abs(a_total)), \"__name__\", \"$1\", \"__name__\", \"(.*)\")",
        ])
    func keeps(query: String) throws {
        let lines = try instant(query)
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("a_total{env=\"1\"} ") == true, "\(lines)")
    }

    @Test("until then labels can be made of it, and series differ by it")
    func uses() throws {
        #expect(
            try instant(
                "label_replace(rate({env=\"1\"}[10m]), \"of\", \"$1\", \"__name__\", \"(.*)_total\")"
            )
                == ["{env=\"1\", of=\"a\"} 0.2", "{env=\"1\", of=\"b\"} 0.2"])
        #expect(try instant("sum(rate({env=~\".+\"}[10m]))") == ["{} 1.4"])
        #expect(
            try instant("sum by (env) (rate({env=~\".+\"}[10m]))") == [
                "{env=\"1\"} 0.4", "{env=\"2\"} 1",
            ])
        #expect(try instant("count by (__name__) ({env=\"1\"})") == ["a_total 1", "b_total 1"])
    }

    @Test("series that are the same without it are joined, unless both have a value")
    func collisions() throws {
        let joined = TestStore("m_a 1 _\nm_b 3 4")
        #expect(try joined.range("-m_a or -m_b", 0, 60, step: 60) == ["{} -1 -1"])
        let apart = TestStore(interval: 600_000, "m_a 1 _\nm_b 3 4")
        #expect(try apart.range("-m_a or -m_b", 0, 1_200, step: 600) == ["{} -1 -4 _"])
        for query in ["rate({env=\"1\"}[10m])", "sum by (__name__) (rate({env=\"1\"}[10m]))"] {
            #expect(
                failure { _ = try instant(query) }?.message
                    == "vector cannot contain metrics with the same labelset")
        }
        #expect(
            failure { _ = try instant("abs({env=\"1\"})[10m:5m]") }?.message
                == "vector cannot contain metrics with the same labelset")
    }
}
