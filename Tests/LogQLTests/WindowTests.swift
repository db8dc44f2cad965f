import LogQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("functions of windows")
struct WindowTests {
    private let logs = TestLogs()

    init() {
        let lines: [(Int64, String, Double)] = [
            (10, "a", 1), (20, "a", 4), (30, "a", 2), (40, "a", 9), (20, "b", 5), (40, "b", 7),
        ]
        for (time, route, value) in lines.shuffled() {
            logs.add(
                at: time * 1_000_000_000,
                .string("route=\(route) v=\(value) took=\(Int(value))ms size=\(Int(value))KB"))
        }
    }

    /// `{labels} value…` with `_` for no value, at 20 s, 40 s and 60 s.
    private func range(_ query: String) throws -> [String] {
        let result = try LogQLEngine(store: logs.store).range(
            query, start: 20_000, end: 60_000, step: 20_000)
        guard case .matrix(_, let series) = result.value else { return ["another type"] }
        return series.map { series in
            let values = series.values.map { value in
                StepValue.isPresent(value) ? "\((value * 1e4).rounded() / 1e4)" : "_"
            }
            return "\(series.labels) \(values.joined(separator: " "))"
        }
    }

    private static let selected = "{service_name=\"shop\"} | logfmt | keep route, v | unwrap v"

    @Test(
        "what is computed of unwrapped values",
        arguments: [
            ("sum_over_time(V [30s])", ["5.0 15.0 9.0", "5.0 12.0 7.0"]),
            ("rate(V [20s])", ["0.25 0.55 _", "0.25 0.35 _"]),
            ("avg_over_time(V [30s]) by (route)", ["2.5 5.0 9.0", "5.0 6.0 7.0"]),
            ("min_over_time(V [30s]) by (route)", ["1.0 2.0 9.0", "5.0 5.0 7.0"]),
            ("max_over_time(V [30s]) by (route)", ["4.0 9.0 9.0", "5.0 7.0 7.0"]),
            ("first_over_time(V [30s]) by (route)", ["1.0 4.0 9.0", "5.0 5.0 7.0"]),
            ("last_over_time(V [30s]) by (route)", ["4.0 9.0 9.0", "5.0 7.0 7.0"]),
            ("stdvar_over_time(V [30s]) by (route)", ["2.25 8.6667 0.0", "0.0 1.0 0.0"]),
            ("stddev_over_time(V [30s]) by (route)", ["1.5 2.9439 0.0", "0.0 1.0 0.0"]),
            ("quantile_over_time(0.5, V [30s]) by (route)", ["2.5 4.0 9.0", "5.0 6.0 7.0"]),
            ("quantile_over_time(2, V [30s]) by (route)", ["inf inf inf", "inf inf inf"]),
        ])
    func values(query: String, expected: [String]) throws {
        let found = try range(query.replacing("V", with: Self.selected))
        #expect(found.map { String($0.drop { $0 != "}" }.dropFirst(2)) } == expected)
    }

    @Test("the unwrapped label is no label of the series, whatever groups them")
    func labels() throws {
        #expect(
            try range("sum_over_time(\(Self.selected) [1h])")[0].hasPrefix("{route=\"a\"}"))
        #expect(
            try range("sum without (route) (sum_over_time(\(Self.selected) [1h]))")
                == ["{} 10.0 28.0 28.0"])
        #expect(
            try range("max_over_time(\(Self.selected) [1h]) without (route, service_name)")
                .count == 6)
        #expect(
            try range("sum by (route) (sum_over_time(\(Self.selected) [1h]))")
                == ["{route=\"a\"} 5.0 16.0 16.0", "{route=\"b\"} 5.0 12.0 12.0"])
    }

    @Test("durations count as seconds and sizes as bytes")
    func conversions() throws {
        let all = "{service_name=\"shop\"} | logfmt"
        #expect(
            try range("max_over_time(\(all) | unwrap duration(took) [1h]) by ()")
                == ["{} 0.005 0.009 0.009"])
        #expect(
            try range("max_over_time(\(all) | unwrap bytes(size) [1h]) by ()")
                == ["{} 5000.0 9000.0 9000.0"])
    }

    @Test(
        "a value that is none fails the query, unless its error is filtered; a missing one is no value"
    )
    func errors() throws {
        let all = "{service_name=\"shop\"} | logfmt | unwrap"
        let error = failure { _ = try range("sum_over_time(\(all) route [1h])") }
        #expect(error?.message.contains("'SampleExtractionErr'") == true)
        #expect(try range("sum_over_time(\(all) route | __error__=`` [1h])").isEmpty)
        #expect(try range("sum_over_time(\(all) missing [1h])").isEmpty)
        #expect(
            try range("sum(sum_over_time(\(all) v | v > 4 [1h]))") == ["{} 5.0 21.0 21.0"])
    }

    @Test("absence is told with the labels that the selector demands")
    func absence() throws {
        #expect(
            try range("absent_over_time({service_name=\"shop\", x=\"\"}[20s])")
                == ["{service_name=\"shop\"} _ _ 1.0"])
        #expect(
            try range("absent_over_time({service_name=\"no\", b=~\".*\"}[20s])")
                == ["{service_name=\"no\"} 1.0 1.0 1.0"])
        #expect(try range("absent_over_time(\(Self.selected) [1h])").isEmpty)
    }

    @Test("a counter's rate makes up for resets and reaches to the ends of the window")
    func counter() throws {
        let logs = TestLogs()
        for (time, value) in [(0, 10), (10, 20), (20, 30), (30, 5), (40, 15)] {
            logs.add(at: Int64(time) * 1_000_000_000, .string("c=\(value)"))
        }
        let result = try LogQLEngine(store: logs.store).instant(
            "rate_counter({service_name=\"shop\"} | logfmt | unwrap c [50s])", at: 45_000)
        guard case .vector(_, let elements) = result.value else {
            Issue.record("another type")
            return
        }
        // 35 in 40 s, carried on by 5 s on either side, over 50 s.
        #expect(elements.map { ($0.value * 1e6).rounded() / 1e6 } == [0.875])
    }

    @Test(
        "the greatest and the least, by group and step",
        arguments: [
            ("topk(1, S)", ["{route=\"a\"} 5.0 16.0 16.0"]),
            ("bottomk(1, S)", ["{route=\"b\"} _ 12.0 12.0", "{route=\"a\"} 5.0 _ _"]),
            ("approx_topk(1, S)", ["{route=\"a\"} 5.0 16.0 16.0"]),
            (
                "topk by (route) (1, S)",
                ["{route=\"a\"} 5.0 16.0 16.0", "{route=\"b\"} 5.0 12.0 12.0"]
            ),
            ("stddev(S)", ["{} 0.0 2.0 2.0"]), ("stdvar(S)", ["{} 0.0 4.0 4.0"]),
            ("S > 13", ["{route=\"a\"} _ 16.0 16.0"]),
            ("S > bool 13", ["{route=\"a\"} 0.0 1.0 1.0", "{route=\"b\"} 0.0 0.0 0.0"]),
            ("13 < S", ["{route=\"a\"} _ 16.0 16.0"]),
            ("S and S > 13", ["{route=\"a\"} _ 16.0 16.0"]),
            ("S unless S > 13", ["{route=\"b\"} 5.0 12.0 12.0", "{route=\"a\"} 5.0 _ _"]),
            (
                "S > 13 or S",
                [
                    "{route=\"a\"} _ 16.0 16.0", "{route=\"a\"} 5.0 _ _",
                    "{route=\"b\"} 5.0 12.0 12.0",
                ]
            ),
            (
                "S / on () group_left sum(S)",
                ["{route=\"a\"} 0.5 0.5714 0.5714", "{route=\"b\"} 0.5 0.4286 0.4286"]
            ),
            (
                "sum(S) - ignoring (route) group_right S",
                ["{route=\"a\"} 5.0 12.0 12.0", "{route=\"b\"} 5.0 16.0 16.0"]
            ),
            (
                "label_replace(S, \"r\", \"<$1>\", \"route\", \"(.*)\")",
                [
                    "{r=\"<a>\", route=\"a\"} 5.0 16.0 16.0",
                    "{r=\"<b>\", route=\"b\"} 5.0 12.0 12.0",
                ]
            ),
            ("2 + 3", ["{} 5.0 5.0 5.0"]),
        ])
    func operators(query: String, expected: [String]) throws {
        let sums = "sum by (route) (sum_over_time(\(Self.selected) [1h]))"
        let found = try range(query.replacing("S", with: sums))
        #expect(found.sorted() == expected.sorted())
    }

    @Test("matches that are not unique are refused")
    func ambiguous() {
        let sums = "sum by (route) (sum_over_time(\(Self.selected) [1h]))"
        #expect(
            failure { _ = try range("\(sums) * on () \(sums)") }?.message
                .contains("found duplicate series for the match group") == true)
        #expect(
            failure { _ = try range("\(sums) * on () sum(\(sums))") }?.message
                .contains("many-to-one matching must be explicit") == true)
        #expect(
            failure {
                _ = try range("label_replace(\(sums), \"route\", \"x\", \"route\", \".*\")")
            }?
            .kind == .execution)
    }

    @Test("an instant answer of sort and topk is in their order")
    func order() throws {
        let sums = "sum by (route) (count_over_time({service_name=\"shop\"} | logfmt [1h]))"
        func routes(_ query: String) throws -> [String] {
            let result = try LogQLEngine(store: logs.store).instant(query, at: 60_000)
            guard case .vector(_, let elements) = result.value else { return [] }
            return elements.map { $0.labels["route"] ?? "" }
        }
        #expect(try routes("sort(\(sums))") == ["b", "a"])
        #expect(try routes("sort_desc(\(sums))") == ["a", "b"])
        #expect(try routes("topk(5, \(sums))") == ["a", "b"])
        #expect(try routes("bottomk(5, \(sums))") == ["b", "a"])
        #expect(try routes("sort(0 - \(sums))") == ["a", "b"])
        let result = try LogQLEngine(store: logs.store).instant("6 / 4", at: 5)
        guard case .scalar(5, 1.5) = result.value else {
            Issue.record("no scalar")
            return
        }
    }

    @Test("windows hold what a naive evaluator finds in them", arguments: 1...60)
    func naive(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let logs = TestLogs()
        let values = (0..<(1 + random.below(80))).map { _ in
            (time: Int64(random.below(60)), value: Double(random.below(2_000)) / 8 - 50)
        }
        for (time, value) in values {
            logs.add(at: time * 1_000_000_000, .string("v=\(value)"))
        }
        let ordered = values.enumerated().sorted {
            $0.element.time == $1.element.time
                ? $0.offset < $1.offset : $0.element.time < $1.element.time
        }.map(\.element)
        let (window, step) = (Int64(1 + random.below(20)), Int64(1 + random.below(9)))
        let functions: [(String, ([Double]) -> Double)] = [
            ("sum_over_time", { $0.reduce(0, +) }), ("min_over_time", { $0.min() ?? 0 }),
            ("max_over_time", { $0.max() ?? 0 }), ("first_over_time", { $0[0] }),
            ("last_over_time", { $0[$0.count - 1] }),
            ("avg_over_time", { $0.reduce(0, +) / Double($0.count) }),
            ("stdvar_over_time", { Self.variance($0) }),
            ("quantile_over_time", { Self.quantile(0.7, $0) }),
        ]
        let (name, expected) = random.pick(functions)
        let parameter = name == "quantile_over_time" ? "0.7, " : ""
        let query = "\(name)(\(parameter){service_name=\"shop\"} | logfmt | unwrap v [\(window)s])"
        let result = try LogQLEngine(store: logs.store).range(
            query, start: 0, end: 70_000, step: step * 1_000)
        guard case .matrix(let steps, let series) = result.value else { return }
        for index in 0..<steps.count {
            let end = steps.time(index) / 1_000
            let inside = ordered.filter { end - window < $0.time && $0.time <= end }.map(\.value)
            let value = series.first?.values[index] ?? StepValue.absent
            #expect(
                StepValue.isPresent(value) == !inside.isEmpty, "seed \(seed): \(query) at \(end)")
            guard !inside.isEmpty else { continue }
            #expect(abs(value - expected(inside)) < 1e-6, "seed \(seed): \(query) at \(end)")
        }
    }

    private static func variance(_ values: [Double]) -> Double {
        let mean = values.reduce(0, +) / Double(values.count)
        return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    }

    private static func quantile(_ quantile: Double, _ values: [Double]) -> Double {
        let sorted = values.sorted()
        let rank = quantile * Double(sorted.count - 1)
        let low = sorted[Int(rank)]
        let high = sorted[min(sorted.count - 1, Int(rank) + 1)]
        return low + (high - low) * (rank - rank.rounded(.down))
    }

    @Test(
        "the greatest and least of many are the first of all in order",
        arguments: ["topk", "bottomk"], [1, 3, 20, 70])
    func ranks(operator: String, count: Int) throws {
        var random = TestRandom(seed: UInt64(count))
        let logs = TestLogs()
        for time in 0..<300 {
            logs.add(
                at: Int64(time), .empty,
                attributes: [Attribute("path", .string("/\(random.below(100))"))])
        }
        let counts = "sum by (path) (count_over_time({service_name=\"shop\"} [1m]))"
        func elements(_ query: String) throws -> [String] {
            let result = try LogQLEngine(store: logs.store).instant(query, at: 1)
            guard case .vector(_, let elements) = result.value else { return [] }
            return elements.map { "\($0.labels) \($0.value)" }
        }
        let order = `operator` == "topk" ? "sort_desc" : "sort"
        let expected = try elements("\(order)(\(counts))").prefix(count)
        #expect(try elements("\(`operator`)(\(count), \(counts))") == Array(expected))
    }
}
