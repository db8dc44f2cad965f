import LogQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("metric queries")
struct MetricTests {
    private let logs = TestLogs()
    private let second: Int64 = 1_000_000_000

    init() {
        for (time, status) in [(10, 200), (20, 500), (20, 200), (30, 500)] {
            logs.add(at: Int64(time) * 1_000_000_000, .string("{\"status\":\(status)}"))
        }
        logs.add(["service.name": "api"], at: 30 * second, .string("plain"))
    }

    /// `{labels} value…` with `_` for no value; seconds.
    private func range(_ query: String, _ start: Int64, _ end: Int64, _ step: Int64) throws
        -> [String]
    {
        let result = try LogQLEngine(store: logs.store).range(
            query, start: start * 1_000, end: end * 1_000, step: step * 1_000)
        guard case .matrix(_, let series) = result.value else { return ["another type"] }
        return series.map { series in
            let values = series.values.map { StepValue.isPresent($0) ? "\($0)" : "_" }
            return "\(series.labels) \(values.joined(separator: " "))"
        }
    }

    @Test("a window holds the lines after its start up to its end")
    func windows() throws {
        #expect(
            try range("count_over_time({service_name=\"shop\"}[10s])", 0, 50, 10)
                == ["{service_name=\"shop\"} _ 1.0 2.0 1.0 _ _"])
        #expect(
            try range("count_over_time({service_name=\"shop\"}[20s])", 5, 45, 10)
                == ["{service_name=\"shop\"} _ 1.0 3.0 3.0 1.0"])
        #expect(
            try range("rate({service_name=\"shop\"}[20s] offset 10s)", 30, 40, 10)
                == ["{service_name=\"shop\"} 0.15 0.15"])
        #expect(
            try range("bytes_over_time({service_name=\"api\"}[10s])", 30, 30, 1)
                == ["{service_name=\"api\"} 5.0"])
    }

    @Test("lines are counted by the labels that remain")
    func grouping() throws {
        #expect(
            try range(
                "sum by (status) (count_over_time({service_name=\"shop\"} | json [1m]))", 30, 30, 1)
                == ["{status=\"200\"} 2.0", "{status=\"500\"} 2.0"])
        #expect(
            try range("count_over_time({service_name=\"shop\"} | json [1m])", 30, 30, 1) == [
                "{service_name=\"shop\", status=\"200\"} 2.0",
                "{service_name=\"shop\", status=\"500\"} 2.0",
            ])
        #expect(
            try range("sum(rate({service_name=~\".+\"}[10s]))", 20, 30, 10) == ["{} 0.2 0.2"])
        #expect(
            try range("count(count_over_time({service_name=~\".+\"}[1m]))", 20, 30, 10) == [
                "{} 1.0 2.0"
            ])
        #expect(
            try range(
                "max without (service_name) (count_over_time({service_name=~\".+\"}[1m]))", 30, 30,
                1)
                == ["{} 4.0"])
        #expect(
            try range("avg(count_over_time({service_name=~\".+\"}[1m]))", 30, 30, 1) == ["{} 2.5"])
        #expect(
            try range(
                "min(sum by (service_name) (count_over_time({service_name=~\".+\"}[1m])))", 30, 30,
                1)
                == ["{} 1.0"])
    }

    @Test(
        "a line that could not be read fails the query, unless it is filtered or its error dropped")
    func errors() throws {
        let query = "count_over_time({service_name=\"api\"} | json [1m])"
        let error = failure { _ = try range(query, 30, 30, 1) }
        #expect(error?.kind == .badData)
        #expect(error?.message.hasPrefix("pipeline error: 'JSONParserErr' for series:") == true)
        #expect(
            try range(query.replacing("json", with: "json | __error__=\"\""), 30, 30, 1).isEmpty)
        #expect(
            try range(
                query.replacing("json", with: "json | drop __error__, __error_details__"), 30, 30, 1
            )
                == ["{service_name=\"api\"} 1.0"])
    }

    @Test("Grafana's question whether the server is there is answered with 2")
    func vectors() throws {
        #expect(try range("vector(1)+vector(1)", 20, 30, 10) == ["{} 2.0 2.0"])
        #expect(try range("2 ^ 3 ^ 2 - vector(1) * (2 + 3)", 30, 30, 1) == ["{} 507.0"])
        #expect(try range("vector(-1) - -1", 30, 30, 1) == ["{} 0.0"])
        #expect(try range("vector(1) / 0", 30, 30, 1) == ["{} nan"])
    }

    @Test("arithmetic joins series of the same labels, where both have a value")
    func arithmetic() throws {
        let all = "count_over_time({service_name=~\".+\"}[1m])"
        let shop = "count_over_time({service_name=\"shop\"}[1m])"
        #expect(try range("\(shop) / \(all) * 100", 30, 30, 1) == ["{service_name=\"shop\"} 100.0"])
        #expect(
            try range("sum(\(shop)) / sum(\(all))", 30, 30, 1)
                == [try range("sum(\(shop)) * 0.2", 30, 30, 1)[0]])
        #expect(try range("\(shop) + sum(\(all))", 30, 30, 1).isEmpty)
    }

    @Test("an instant query yields a vector, and each kind of query has its own call")
    func kinds() throws {
        let engine = LogQLEngine(store: logs.store)
        let result = try engine.instant(
            "sum(count_over_time({service_name=~\".+\"}[1m]))", at: 30_000)
        guard case .vector(30_000, let elements) = result.value else {
            Issue.record("another type")
            return
        }
        #expect(elements.map(\.value) == [5])
        #expect(failure { _ = try engine.instant("{a=\"b\"}", at: 0) }?.kind == .badData)
        #expect(failure { _ = try logs.lines("rate({a=\"b\"}[1m])") }?.kind == .badData)
    }

    @Test("limits and cancellation end a query")
    func limits() throws {
        let engine = LogQLEngine(store: logs.store)
        var few = QueryLimits()
        few.seriesMax = 1
        let query = "count_over_time({service_name=~\".+\"}[1m])"
        #expect(
            failure {
                _ = try engine.instant(query, at: 30_000, context: QueryContext(limits: few))
            }?
            .message == "maximum of series (1) reached for a single query")
        few.samplesMax = 3
        let small = QueryContext(limits: few)
        #expect(
            failure {
                _ = try engine.streams(
                    "{service_name=\"shop\"}", start: .zero, end: .distantFuture, limit: 10,
                    context: small)
            }?.kind == .execution)
        #expect(small.heldSampleCount == 0)
        let cancelled = QueryContext()
        cancelled.cancel()
        #expect(
            failure { _ = try engine.instant(query, at: 30_000, context: cancelled) }?.kind
                == .canceled)
        #expect(
            failure { _ = try logs.lines("{a=\"b\"}", limit: 0) }?.message
                == "limit must be a positive value")
    }

    @Test("series, names and values of labels")
    func series() throws {
        let engine = LogQLEngine(store: logs.store)
        let end = Timestamp.distantFuture
        #expect(
            try engine.series(matching: ["{service_name=~\"a.*\"}"], start: .zero, end: end)
                == [Labels(["service_name": "api"])])
        #expect(try engine.series(matching: [], start: .zero, end: end).count == 2)
        #expect(try engine.labelNames(start: .zero, end: end) == ["service_name"])
        #expect(
            try engine.labelValues(of: "service_name", start: .zero, end: end) == ["api", "shop"])
        #expect(
            failure { _ = try engine.series(matching: ["{"], start: .zero, end: end) }?.kind
                == .badData)
    }
}
