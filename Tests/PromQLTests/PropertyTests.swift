import PromQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("the columnar evaluator agrees with the definition")
struct PropertyTests {
    @Test("on random series, expressions and steps", arguments: 1...40)
    func agrees(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let series = random.series()
        let store = TestStore()
        for series in series {
            var batch = MetricBatch()
            let index = batch.append(series.labels)
            for sample in series.samples {
                batch.append(series: index, time: sample.time, value: sample.value)
            }
            store.add(batch)
        }
        let start = 600_000 + Int64(random.below(100)) * 1_000
        let step = [7_000, 30_000, 61_000, 600_000][random.below(4)]
        let end = start + Int64(step * random.below(40))
        let naive = NaiveEvaluator(series: series, queryStart: start, queryEnd: end)
        for concurrency in [1, 2] {
            var options = PromQLOptions()
            options.concurrency = concurrency
            if concurrency == 1 { options.features.remove(.delayedNameRemoval) }
            let engine = PromQLEngine(store: store.store, options: options)
            for _ in 0..<12 {
                let query = random.vector(depth: 3)
                try compare(
                    query, engine, naive, start, end, Int64(step), seed,
                    dropsNamesLate: options.features.contains(.delayedNameRemoval))
            }
        }
    }

    private func compare(
        _ query: String, _ engine: PromQLEngine, _ naive: NaiveEvaluator, _ start: Int64,
        _ end: Int64, _ step: Int64, _ seed: UInt64, dropsNamesLate: Bool
    ) throws {
        let expression = try PromQLEngine.parse(query)
        let instants = Array(stride(from: start, through: end, by: Int(step)))
        let wanted: [NaiveEvaluator.Vector]
        do {
            wanted = try instants.map { try naive.vector(expression, at: $0) }
        } catch is NaiveEvaluator.Failure {
            // By the definition names go at once, and series that are the same then make an error.
            if dropsNamesLate { return }
            #expect(
                failure { _ = try engine.range(query, start: start, end: end, step: step) }?.kind
                    == .execution, "seed \(seed): \(query) should fail")
            return
        }
        let result: QueryResult
        do {
            result = try engine.range(query, start: start, end: end, step: step)
        } catch {
            // Of equal labels at different steps a function over a range makes an error at once.
            #expect(
                error.message == "vector cannot contain metrics with the same labelset",
                "seed \(seed): \(query) fails with \(error)")
            return
        }
        guard case .matrix(_, let found) = result.value else {
            Issue.record("seed \(seed): \(query) gives no matrix")
            return
        }
        for (index, instant) in instants.enumerated() {
            var present: NaiveEvaluator.Vector = [:]
            for series in found where StepValue.isPresent(series.values[index]) {
                present[series.labels] = series.values[index]
            }
            #expect(
                Set(present.keys) == Set(wanted[index].keys), "seed \(seed) at \(instant): \(query)"
            )
            for (labels, value) in wanted[index] {
                let other = present[labels] ?? 0
                #expect(
                    isClose(value, other),
                    "seed \(seed) at \(instant): \(query) of \(labels) is \(other), not \(value)")
            }
        }
    }

    private func isClose(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
        return a == b || abs(a - b) <= 1e-7 * max(abs(a), abs(b), 1e-3)
    }
}

/// Reproducible random series and expressions.
struct TestRandom {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

    mutating func series() -> [NaiveEvaluator.Series] {
        var series: [NaiveEvaluator.Series] = []
        for name in ["x", "y"] {
            for a in ["1", "2", "3"] where below(6) > 0 {
                for b in ["u", "v"] where below(4) > 0 {
                    series.append(
                        NaiveEvaluator.Series(
                            labels: Labels([("__name__", name), ("a", a), ("b", b)]),
                            samples: samples()))
                }
            }
        }
        return series
    }

    /// A counter or a gauge with gaps, resets, NaN and stale markers.
    private mutating func samples() -> [Sample] {
        var samples: [Sample] = []
        // Half of the series lie on whole seconds, as the bounds of windows do.
        let jitter = below(2) == 0 ? 1 : 100
        var time = Int64(below(200)) * 1_000
        var value = Double(below(20))
        let isCounter = below(2) == 0
        while time < 3_000_000 {
            switch below(60) {
            case 0: samples.append(Sample(time: time, value: Sample.staleMarker))
            case 1: samples.append(Sample(time: time, value: .nan))
            case 2: time += Int64(below(700)) * 1_000
            case 3: value = Double(below(5))
            default:
                value += Double(below(10)) - (isCounter ? 0 : 5)
                samples.append(Sample(time: time, value: value))
            }
            time += 15_000 + Int64(below(jitter))
        }
        return samples
    }

    private mutating func selector() -> String {
        pick(["x", "y", "x{a=\"1\"}", "y{b!=\"u\"}", "{a=\"2\"}", "x{a!=\"3\",b=\"v\"}"])
    }

    private mutating func shift() -> String {
        pick([
            "", "", "", " offset 1m", " offset -45s", " @ 1234.5", " @ end()",
            " @ start() offset 2m",
        ])
    }

    private mutating func range(_ depth: Int) -> String {
        if depth > 0, below(4) == 0 {
            return
                "(\(vector(depth: depth - 1)))[\(pick(["3m", "10m"])):\(pick(["30s", "1m", "47s"]))]"
                + shift()
        }
        return "\(selector())[\(pick(["20s", "1m", "5m", "17m"]))]\(shift())"
    }

    mutating func vector(depth: Int) -> String {
        guard depth > 0 else { return selector() + shift() }
        switch below(8) {
        case 0: return selector() + shift()
        case 1, 2, 3:
            let function = pick([
                "rate", "increase", "delta", "irate", "resets", "changes", "sum_over_time",
                "avg_over_time", "count_over_time", "last_over_time", "max_over_time",
                "min_over_time", "stdvar_over_time",
            ])
            return "\(function)(\(range(depth)))"
        case 4, 5:
            let grouping = pick(["", " by (a)", " by (b, c)", " without (a)", " without (a, b)"])
            let aggregator = pick(["sum", "avg", "count", "max", "min", "group"])
            return "\(aggregator)\(grouping) (\(vector(depth: depth - 1)))"
        case 6:
            let operation = pick(["+", "*", ">", "<=", "-"])
            return "(\(vector(depth: depth - 1))) \(operation) \(pick(["2", "0.5", "7"]))"
        default:
            let operation = pick(["+", "-", ">", "and", "or", "unless"])
            return "(\(vector(depth: depth - 1))) \(operation) (\(vector(depth: depth - 1)))"
        }
    }
}
