import Telemetry

/// A span that a value of a series was computed from.
package struct MetricExemplar: Sendable, Hashable {
    package var trace: TraceID
    package var time: Timestamp
    /// What was measured; of counts the value of the series at that time.
    package var value: Double
    var window: Int
}

/// Collects spans as examples: of each series some, spread over the range, the newest of each part of it.
struct ExemplarCollector {
    /// Of all series together; 0 for none.
    private let limit: Int
    private let windows: Int
    private let parts: Int
    private var isTaken: [Bool] = []
    private var found: [[MetricExemplar]] = []

    init(limit: Int, windows: Int) {
        self.limit = limit
        self.windows = windows
        parts = min(limit, windows)
    }

    var isWanted: Bool { parts > 0 }

    mutating func makeRoom(for series: Int) {
        guard parts > 0 else { return }
        while found.count < series {
            found.append([])
            isTaken += [Bool](repeating: false, count: parts)
        }
    }

    /// Takes a span if its part of the range has none yet. `value` is NaN of counts.
    @inline(__always)
    mutating func offer(
        _ trace: TraceID, _ time: Timestamp, series: Int, window: Int, value: Double
    ) {
        guard parts > 0 else { return }
        let slot = series &* parts &+ window &* parts / windows
        if isTaken[slot] { return }
        isTaken[slot] = true
        found[series].append(
            MetricExemplar(
                trace: trace, time: time, value: value, window: window))
    }

    /// Those of a series, by time: an even share of the limit.
    func exemplars(_ series: Int) -> [MetricExemplar] {
        guard series < found.count else { return [] }
        let all = found[series].sorted { $0.time < $1.time }
        let share = max(1, limit / found.count)
        guard all.count > share else { return all }
        return (0..<share).map { all[$0 * all.count / share] }
    }
}

extension MetricSeries {
    /// With the examples that stand where the series has a value.
    func with(_ exemplars: [MetricExemplar]) -> MetricSeries {
        var series = self
        series.exemplars = exemplars.compactMap { exemplar in
            let current = values[exemplar.window]
            guard !current.isNaN else { return nil }
            var exemplar = exemplar
            if exemplar.value.isNaN { exemplar.value = current }
            return exemplar
        }
        return series
    }
}
