import PromQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("robustness")
struct RobustnessTests {
    @Test("no text crashes the parser; what parses prints and parses again", arguments: 1...30)
    func fuzz(seed: UInt64) throws {
        var random = TestRandom(seed: seed &+ 1_000)
        let pieces = [
            "sum", "by", "(", ")", "{", "}", "[", "]", "5m", "1e", "0x", "'", "\"", "`", "\\", "=~",
            "!", "=", "@", "offset", "-", "+", "^", "foo", ":", ",", "start()", "inf", "1_", ".",
            "é",
            "\u{0}", "#", "\n", " ", "rate", "on", "group_left", "bool", "==", "atan2", "unless",
        ]
        for _ in 0..<2_000 {
            var text = ""
            for _ in 0..<(1 + random.below(9)) { text += random.pick(pieces) }
            guard let expression = try? PromQLEngine.parse(text) else { continue }
            #expect((try? PromQLEngine.parse(expression.description)) != nil, "\(text)")
        }
    }

    @Test("cutting a query anywhere gives an error, not a crash")
    func truncation() {
        let query = Array(
            "sum by (a, \"b.c\") (rate(foo{x=~\"a|b\", y!='\\u00e9'}[5m] offset -1m @ 1e3)) > bool 0x1F"
                .utf8)
        for length in 0..<query.count {
            let text = String(decoding: query[..<length], as: UTF8.self)
            if let expression = try? PromQLEngine.parse(text) {
                #expect(!expression.description.isEmpty)
            }
        }
    }

    @Test("times at the ends of the representable range neither trap nor hang")
    func extremeTimes() {
        let store = TestStore("x 1 2 3")
        let engine = PromQLEngine(store: store.store)
        let queries = [
            "x", "rate(x[5m])", "sum_over_time(x[5m:1m])", "x @ 9e15", "x @ -9e15 offset 100y",
            "rate(x[200y] offset -200y)", "timestamp(x)", "predict_linear(x[1h], 1e300)", "year()",
            "max_over_time(x[100y:100y] @ -9e15)",
        ]
        for query in queries {
            for time in [Int64.min, Int64.min + 1, -1, Int64.max - 1, Int64.max] {
                check(query) { _ = try engine.instant(query, at: time) }
                check(query) {
                    _ = try engine.range(query, start: time, end: time, step: Int64.max)
                }
            }
            check(query) {
                _ = try engine.range(
                    query, start: Int64.min / 2 + 1, end: Int64.max / 2, step: Int64.max / 100)
            }
        }
    }

    /// An answer or a limit, nothing else.
    private func check(_ query: String, _ body: () throws -> Void) {
        let error = failure(body)
        #expect(error == nil || error?.kind == .execution, "\(query)")
    }

    @Test("a subquery of too many steps is refused before it takes memory")
    func hugeSubquery() {
        let store = TestStore("x 1 2 3")
        let error = failure { _ = try store.instant("count_over_time(x[200y:1ms])", at: 0) }
        #expect(error?.kind == .execution)
        let nested = failure { _ = try store.instant("max_over_time(x[1d:1ms])", at: 120) }
        #expect(nested?.kind == .execution)
    }

    @Test("expressions of the permitted depth evaluate on small stacks")
    func depth() throws {
        let store = TestStore("x 1")
        let chain = "x" + String(repeating: " + 1", count: 190)
        #expect(try store.instant(chain) == ["{} 191"])
        let nested =
            String(repeating: "abs(", count: 190) + "x" + String(repeating: ")", count: 190)
        #expect(try store.instant(nested) == ["{} 1"])
        let signs = String(repeating: "-(", count: 95) + "x" + String(repeating: ")", count: 95)
        #expect(try store.instant(signs) == ["{} -1"])
    }

    @Test("two threads find what one finds")
    func concurrency() throws {
        let store = TestStore()
        for index in 0..<101 {
            store.load("x_total{i=\"\(index)\"} \(index)+\(index + 1)x20 3 stale 7+1x10")
        }
        var options = PromQLOptions()
        let queries = [
            "x_total", "rate(x_total[5m])", "sum(rate(x_total[5m]))",
            "absent_over_time(x_total[1m])",
            "timestamp(x_total)", "avg_over_time(x_total[10m:1m])",
        ]
        for query in queries {
            var answers: [[String]] = []
            for concurrency in [1, 2, 3, 7] {
                options.concurrency = concurrency
                let result = try PromQLEngine(store: store.store, options: options)
                    .range(query, start: 0, end: 2_400_000, step: 30_000)
                answers.append(TestStore.lines(result.value))
            }
            #expect(Set(answers).count == 1, "\(query)")
        }
    }
}
