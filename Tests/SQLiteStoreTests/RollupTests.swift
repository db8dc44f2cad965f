import Platform
import PromQL
import QueryCore
import SQLiteStore
import Store
import Telemetry
import Testing

/// Summaries of intervals answer as the samples do where nothing is lost, also once the samples are gone.
@Suite("downsampling") struct RollupTests {
    /// Milliseconds; 2026-11-18T00:00:00Z, three days before the time of the store.
    private static let firstDay = TemporaryStore.start / 1_000_000 - 36_000_000 - 3 * 86_400_000
    private static let daysFilled = 3
    private static let rollups = [
        MetricRollup(interval: 3_600_000, retention: 400 * StoreConfiguration.day),
        MetricRollup(interval: 300_000, retention: 90 * StoreConfiguration.day),
    ].compactMap { $0 }

    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 31
        }
    }

    /// Counters, with resets and without, gauges, series with gaps, staleness markers and NaN.
    private static func batches(_ random: inout Random) -> [MetricBatch] {
        var batches: [MetricBatch] = []
        for series in 0..<7 {
            var batch = MetricBatch()
            let number = batch.append(Labels(["__name__": "m_total", "kind": "\(series)"]))
            var time = firstDay + Int64.random(in: 0...7_200_000, using: &random)
            let end = firstDay + Int64(daysFilled) * 86_400_000
            var value = 0.0
            while time < end {
                let odd = Int.random(in: 0...400, using: &random)
                switch series {
                case 0, 1:
                    value += Double(Int.random(in: 0...9, using: &random))
                    if series == 1, odd == 0 { value = 1 }
                case 2: value = Double.random(in: -1...1, using: &random)
                case 3: value = odd == 0 ? .nan : odd == 1 ? Telemetry.Sample.staleMarker : 7
                case 4: value = 42
                case 5: value = Double(odd) / 100
                default: value += 0.1
                }
                batch.append(series: number, time: time, value: value)
                // Some samples stand at the very ends of intervals.
                let step = [15_000, 60_000, 61_003, 300_000 - time % 300_000]
                time += step[Int.random(in: 0...3, using: &random)]
                if odd < 3, series == 6 { time += 7_000_000 }
            }
            batches.append(batch)
        }
        return batches
    }

    private static let functions = [
        "rate", "increase", "delta", "sum_over_time", "avg_over_time", "min_over_time",
        "max_over_time", "count_over_time", "first_over_time", "last_over_time",
        "present_over_time",
    ]

    /// Expressions of windows that are made of whole intervals, with their steps.
    private static func aligned(_ random: inout Random) -> (
        query: String, start: Int64, step: Int64
    ) {
        let function = functions.randomElement(using: &random) ?? ""
        let unit: Int64 = Bool.random(using: &random) ? 300_000 : 3_600_000
        let range = unit * Int64.random(in: 1...14, using: &random)
        let offset = unit * Int64.random(in: 0...5, using: &random)
        return (
            "\(function)(m_total[\(range)ms] offset \(offset)ms)",
            firstDay + unit * Int64.random(in: 0...40, using: &random),
            unit * Int64.random(in: 1...6, using: &random)
        )
    }

    private static func same(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN || b.isNaN { return a.isNaN == b.isNaN }
        return a == b || (a - b).magnitude <= 1e-9 * max(a.magnitude, b.magnitude)
    }

    /// What differs between two answers, if anything.
    private static func difference(_ a: QueryResult, _ b: QueryResult) -> String? {
        guard case .matrix(_, let left) = a.value, case .matrix(_, let right) = b.value else {
            return "no matrices"
        }
        guard left.map(\.labels) == right.map(\.labels) else {
            return "series \(left.map(\.labels)) and \(right.map(\.labels))"
        }
        for (x, y) in zip(left, right) {
            for (step, pair) in zip(x.values, y.values).enumerated()
            where StepValue.isPresent(pair.0) != StepValue.isPresent(pair.1)
                || StepValue.isPresent(pair.0) && !same(pair.0, pair.1)
            {
                return "\(x.labels) at step \(step): \(pair.0) and \(pair.1)"
            }
        }
        return nil
    }

    private static func answer(
        _ store: SQLiteTelemetryStore, _ query: String, _ start: Int64, _ step: Int64
    ) throws -> QueryResult {
        try PromQLEngine(store: store).range(
            query, start: start, end: start + step * 40, step: step)
    }

    @Test(
        "aligned windows have the answers of the samples, beside them and after them",
        arguments: 1...6)
    func aligned(seed: UInt64) async throws {
        var random = Random(state: seed)
        let plain = try TemporaryStore()
        let summed = try TemporaryStore { $0.metricRollups = Self.rollups }
        for batch in Self.batches(&random) {
            _ = try await plain.append(batch)
            _ = try await summed.append(batch)
        }
        try plain.store.seal()
        try summed.store.seal()
        try summed.store.maintainMetrics()
        let blocks = try summed.store.storageReport().blocks
        #expect(blocks.count { $0.interval == nil } == Self.daysFilled)
        #expect(blocks.count { $0.interval == 300_000 } == Self.daysFilled)
        #expect(blocks.count { $0.interval == 3_600_000 } == Self.daysFilled)
        let queries = (0..<40).map { _ in Self.aligned(&random) }
        for (query, start, step) in queries {
            let difference = Self.difference(
                try Self.answer(plain.store, query, start, step),
                try Self.answer(summed.store, query, start, step))
            #expect(difference == nil, "seed \(seed): \(query) from \(start) by \(step)")
        }
        // A month later the samples are gone and the summaries still there.
        summed.clock.advance(byNanoseconds: 40 * StoreConfiguration.day)
        try summed.store.maintainMetrics()
        #expect(try summed.store.storageReport().blocks.allSatisfy { $0.interval != nil })
        for (query, start, step) in queries {
            let result = try Self.answer(summed.store, query, start, step)
            let difference = Self.difference(
                try Self.answer(plain.store, query, start, step), result)
            #expect(difference == nil, "seed \(seed): \(query) from \(start) by \(step), thinned")
            #expect(result.infos.isEmpty)
        }
    }

    @Test(
        "once samples are gone every interval keeps its first and its last, and the answer says so")
    func thinned() async throws {
        let summed = try TemporaryStore { $0.metricRollups = Self.rollups }
        var batch = MetricBatch()
        let series = batch.append(Labels(["__name__": "m_total", "job": "shop"]))
        for index in 0..<1_440 {
            batch.append(
                series: series, time: Self.firstDay + Int64(index) * 60_000 + 1_000,
                value: Double(index))
        }
        _ = try await summed.append(batch)
        try summed.store.seal()
        summed.clock.advance(byNanoseconds: 40 * StoreConfiguration.day)
        try summed.store.maintainMetrics()
        let engine = PromQLEngine(store: summed.store)
        let noon = Self.firstDay + 43_200_000
        // 12:01 lies within an interval: its first sample is of 12:00.
        let instant = try engine.instant("m_total", at: noon + 61_000)
        guard case .vector(_, let elements) = instant.value else {
            Issue.record("no vector")
            return
        }
        #expect(elements.map(\.value) == [720])
        let deviation = try engine.instant("stddev_over_time(m_total[1h])", at: noon)
        #expect(deviation.infos.contains { $0.contains("every 5 minutes are kept") })
        #expect(try engine.instant("increase(m_total[1h])", at: noon).infos.isEmpty)
        let cut = try engine.instant("increase(m_total[1h])", at: noon + 60_000)
        #expect(cut.infos.contains { $0.contains("every 5 minutes are kept") })
        // Names and values are found as before.
        let day = Self.firstDay...(Self.firstDay + 86_399_999)
        #expect(try summed.store.labelNames(matching: [], in: day) == ["__name__", "job"])
        #expect(try summed.store.labelValues(of: "job", matching: [], in: day) == ["shop"])
        // After 90 days only the hours are left, after 400 nothing.
        summed.clock.advance(byNanoseconds: 60 * StoreConfiguration.day)
        try summed.store.maintainMetrics()
        #expect(try summed.store.storageReport().blocks.map(\.interval) == [3_600_000])
        guard case .vector(_, let hourly) = try engine.instant("m_total", at: noon + 61_000).value
        else {
            Issue.record("no vector")
            return
        }
        // Looked for as far back as an interval: that of 12:00.
        #expect(hourly.map(\.value) == [720])
        summed.clock.advance(byNanoseconds: 301 * StoreConfiguration.day)
        try summed.store.maintainMetrics()
        #expect(try summed.store.storageReport().blocks.isEmpty)
        #expect(try summed.store.labelNames(matching: [], in: day).isEmpty)
    }

    @Test("late samples count at once, and later in the summaries too")
    func late() async throws {
        let summed = try TemporaryStore { $0.metricRollups = Self.rollups }
        func sample(_ minute: Int64, _ value: Double) async throws {
            var batch = MetricBatch()
            let series = batch.append(Labels(["__name__": "m_total"]))
            batch.append(series: series, time: Self.firstDay + minute * 60_000, value: value)
            _ = try await summed.append(batch)
        }
        func maximum() throws -> [Double] {
            let result = try PromQLEngine(store: summed.store).instant(
                "max_over_time(m_total[1d])", at: Self.firstDay + 86_400_000)
            guard case .vector(_, let elements) = result.value else { return [] }
            return elements.map(\.value)
        }
        try await sample(1, 3)
        try await sample(61, 2)
        try summed.store.seal()
        try summed.store.maintainMetrics()
        #expect(try maximum() == [3])
        try await sample(31, 9)
        #expect(try maximum() == [9])
        try summed.store.seal()
        #expect(try maximum() == [9])
        // Not again within the hour.
        try summed.store.maintainMetrics()
        summed.clock.advance(byNanoseconds: 3_700 * 1_000_000_000)
        try summed.store.maintainMetrics()
        #expect(try maximum() == [9])
        try summed.reopen { $0.metricRollups = Self.rollups }
        #expect(try maximum() == [9])
        summed.clock.advance(byNanoseconds: 40 * StoreConfiguration.day)
        try summed.store.maintainMetrics()
        #expect(try maximum() == [9])
    }

    @Test("intervals that a day does not consist of are refused")
    func refused() {
        #expect(MetricRollup(interval: 7 * 60_000, retention: 1) == nil)
        #expect(MetricRollup(interval: 15_000, retention: 1) == nil)
        #expect(MetricRollup(interval: 0, retention: 1) == nil)
        #expect(MetricRollup(interval: 300_000, retention: 0) == nil)
        #expect(MetricRollup(interval: 300_000, retention: 1)?.name == "5m")
        #expect(MetricRollup(interval: 86_400_000, retention: 1)?.name == "24h")
    }

    @Test("what was beyond the bound on series is told over restarts")
    func overflows() async throws {
        let store = try TemporaryStore { $0.seriesPerTargetMax = 2 }
        _ = try await store.append(Sample.metrics(series: 0..<2, times: 0..<1))
        var batch = MetricBatch()
        for user in 0..<5 {
            let series = batch.append(
                Labels(["__name__": "requests", "instance": "a", "user": "\(user)"]))
            batch.append(series: series, time: TemporaryStore.start / 1_000_000, value: 1)
        }
        _ = try await store.append(batch)
        let before = try store.store.storageReport().overflows
        #expect(before.map(\.metric) == ["requests"])
        #expect(before.map(\.foldedSamples) == [3])
        try store.reopen { $0.seriesPerTargetMax = 2 }
        #expect(try store.store.storageReport().overflows == before)
        batch = MetricBatch()
        for user in 0..<5 {
            let series = batch.append(
                Labels(["__name__": "requests", "instance": "a", "user": "\(user)"]))
            batch.append(series: series, time: TemporaryStore.start / 1_000_000 + 1, value: 1)
        }
        _ = try await store.append(batch)
        #expect(try store.store.storageReport().overflows.map(\.foldedSamples) == [6])
    }
}
