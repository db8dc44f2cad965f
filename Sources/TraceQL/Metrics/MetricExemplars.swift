import Telemetry

/// A span that a value of a series was computed from.
package struct MetricExemplar: Sendable, Hashable {
    package var trace: TraceID
    package var time: Timestamp
    /// What was measured; of counts the value of the series at that time.
    package var value: Double
    var window: Int
}

/// Where examples may lie in a range: two in each part of it, as Tempo has it.
struct ExemplarPlaces {
    private static let each = 2

    let parts: Int
    private let start: Double
    private let length: Double

    /// - Parameter limit: examples of the whole range; 0 for none.
    init(limit: Int, windows: MetricWindows) {
        parts = limit > 0 ? max(1, limit / Self.each) : 0
        let range = windows.range
        start = Double(range.start.nanoseconds)
        length = Double(range.end.nanoseconds) - start
    }

    @inline(__always)
    func part(_ time: Timestamp) -> Int {
        let place = (Double(time.nanoseconds) - start) / length * Double(parts)
        return min(parts &- 1, max(0, Int(place)))
    }

    /// Counts an example in `taken`; false where its part has enough.
    @inline(__always)
    static func take(_ slot: Int, _ taken: inout [UInt8]) -> Bool {
        guard taken[slot] < each else { return false }
        taken[slot] &+= 1
        return true
    }
}

/// Collects spans as examples: of each series some, spread over the range.
struct ExemplarCollector {
    /// Of all series together; 0 for none.
    private let limit: Int
    private let places: ExemplarPlaces
    private var taken: [UInt8] = []
    private var found: [[MetricExemplar]] = []

    init(limit: Int, windows: MetricWindows) {
        self.limit = limit
        places = ExemplarPlaces(limit: limit, windows: windows)
    }

    var isWanted: Bool { limit > 0 }

    mutating func makeRoom(for series: Int) {
        guard isWanted else { return }
        while found.count < series {
            found.append([])
            taken += [UInt8](repeating: 0, count: places.parts)
        }
    }

    /// Takes a span if its part of the range has room. `value` is NaN of counts.
    @inline(__always)
    mutating func offer(
        _ trace: TraceID, _ time: Timestamp, series: Int, window: Int, value: Double
    ) {
        // Spans of one trace mostly stand together: one of them is enough.
        guard isWanted, found[series].last?.trace != trace else { return }
        let slot = series &* places.parts &+ places.part(time)
        guard ExemplarPlaces.take(slot, &taken) else { return }
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
