import Telemetry

/// The series that both servers are given: 50 minutes of counters, gauges, a classic histogram and an
/// info metric, 15 s apart.
///
/// Sample times end in 337 ms and queries are asked at 123 ms past a second, so that no sample ever lies
/// on a bound of a window: there, ranges of Prometheus 2 hold one sample more than those of 3.
struct ComparisonSeries {
    /// 2025-03-05T05:00:00Z, in milliseconds.
    static let start: Int64 = 1_741_150_800_000
    static let sampleCount = 200
    static let interval: Int64 = 15_000
    static let sampleFraction: Int64 = 337
    static let queryFraction: Int64 = 123

    private var random: ComparisonRandom
    private(set) var batch = MetricBatch()

    init(seed: UInt64) {
        random = ComparisonRandom(seed: seed)
        for job in ["api", "web", "db"] {
            for instance in ["1", "2", "3"] {
                for code in ["200", "500"] where job != "db" || code == "200" {
                    addCounter([
                        ("__name__", "requests_total"), ("code", code), ("instance", instance),
                        ("job", job),
                    ])
                }
                addGauge([("__name__", "temperature"), ("instance", instance), ("job", job)])
                addGauge([("__name__", "load"), ("instance", instance), ("job", job)])
            }
            addInfo([("__name__", "build_info"), ("job", job), ("version", "v\(job.count)")])
            addHistogram(job)
        }
    }

    private mutating func time(_ index: Int) -> Int64 {
        Self.start + Int64(index) * Self.interval + Self.sampleFraction
            + Int64(random.below(3)) * 1_000
    }

    /// High enough that extrapolation never reaches back to zero: see `ComparisonGrammar`.
    private mutating func addCounter(_ labels: [(name: String, value: String)]) {
        let series = batch.append(Labels(labels))
        var value = 1e6 + Double(random.below(100_000))
        let reset = random.below(300)
        for index in 0..<Self.sampleCount {
            if index == reset { value = 1e5 + Double(random.below(1_000)) }
            value += Double(random.below(40))
            guard random.below(25) > 0 else { continue }
            batch.append(series: series, time: time(index), value: value)
        }
    }

    private mutating func addGauge(_ labels: [(name: String, value: String)]) {
        let series = batch.append(Labels(labels))
        var value = 2_000 + Double(random.below(3_000))
        var silentUntil = 0
        for index in 0..<Self.sampleCount {
            value += Double(random.below(301)) - 150
            if value < 500 { value += 700 }
            if index < silentUntil { continue }
            if random.below(70) == 0 {
                batch.append(series: series, time: time(index), value: Sample.staleMarker)
                silentUntil = index + 1 + random.below(40)
                continue
            }
            batch.append(series: series, time: time(index), value: value / 97)
        }
    }

    private mutating func addInfo(_ labels: [(name: String, value: String)]) {
        let series = batch.append(Labels(labels))
        for index in 0..<Self.sampleCount {
            batch.append(series: series, time: time(index), value: 1)
        }
    }

    private mutating func addHistogram(_ job: String) {
        let bounds = ["0.1", "0.5", "1", "2.5", "10", "+Inf"]
        let series = bounds.map {
            batch.append(Labels([("__name__", "latency_bucket"), ("job", job), ("le", $0)]))
        }
        var counts = bounds.map { _ in Double(1_000 + random.below(500)) }
        for index in 0..<Self.sampleCount {
            let time = time(index)
            var total = 0.0
            for (bucket, series) in series.enumerated() {
                counts[bucket] += Double(1 + random.below(20))
                total += counts[bucket]
                batch.append(series: series, time: time, value: total)
            }
        }
    }
}

/// Reproducible choices (SplitMix64).
struct ComparisonRandom {
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

    mutating func pick(_ choices: [String]) -> String { choices[below(choices.count)] }
}
