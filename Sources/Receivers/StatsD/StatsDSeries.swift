import Telemetry
import WireFormats

/// What StatsD lines add up to between flushes: counters as running totals, gauges, sets, and timers as
/// histograms in seconds. Decides only; what `flush` returns is stored by others.
package struct StatsDSeries: Sendable {
    /// Series at once; more are refused until others have gone idle.
    package static let seriesMax = 100_000
    /// A series without lines for so long ends. Until then its last value is given at every flush.
    package static let idleMilliseconds: Int64 = 300_000
    /// Distinct values of one set between two flushes.
    static let setMax = 100_000

    /// Upper bounds in seconds: those of Prometheus's own libraries.
    package static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private struct Key: Hashable {
        var name: ContentHash
        var nameTags: ContentHash
        var tags: ContentHash
        var kind: StatsDLine.Kind
    }

    fileprivate enum Value {
        case number(Double)
        case distinct(Set<ContentHash>)
        case histogram(counts: [Double], sum: Double, count: Double)
    }

    private struct Series {
        var labels: Labels
        var value: Value
        /// Milliseconds of the latest line.
        var touched: Int64
        /// Whether it has been flushed before.
        var isKnown = false
    }

    private var series: [Key: Series] = [:]
    private var lastFlush: Int64
    /// Lines that were none, by reason, since the last flush.
    package private(set) var refused: [String: Int] = [:]
    package private(set) var accepted = 0

    /// - Parameter time: milliseconds.
    package init(at time: Int64) { lastFlush = time }

    package var seriesCount: Int { series.count }

    /// Takes a datagram, one line or several.
    package mutating func add(_ datagram: UnsafeRawBufferPointer, at time: Int64) {
        for line in datagram.split(separator: UInt8(ascii: "\n")) {
            let isCarriageReturn = line.last == UInt8(ascii: "\r")
            let line = isCarriageReturn ? line.dropLast() : line
            if line.isEmpty { continue }
            do throws(StatsDLine.Failure) {
                try add(StatsDLine(UnsafeRawBufferPointer(rebasing: line)), at: time)
            } catch {
                refused[error.rawValue, default: 0] += 1
            }
        }
    }

    private mutating func add(_ line: StatsDLine, at time: Int64) {
        let key = Key(
            name: ContentHash(line.name), nameTags: ContentHash(line.nameTags),
            tags: ContentHash(line.tags), kind: line.kind)
        if series[key] == nil {
            guard series.count < Self.seriesMax else {
                refused["too_many_series", default: 0] += 1
                return
            }
            series[key] = Series(labels: line.labels, value: Self.start(line.kind), touched: time)
        }
        series[key]?.touched = time
        series[key]?.value.add(line)
        accepted += 1
    }

    private static func start(_ kind: StatsDLine.Kind) -> Value {
        switch kind {
        case .counter, .gauge: .number(0)
        case .set: .distinct([])
        case .timer, .distribution:
            .histogram(counts: bounds.map { _ in 0 } + [0], sum: 0, count: 0)
        }
    }

    /// All series as of `time` (milliseconds). Counters that are new get a zero at the flush before, so
    /// that their first increment is not lost to rates.
    package mutating func flush(at time: Int64) -> MetricBatch {
        var batch = MetricBatch()
        for (key, entry) in series {
            guard time - entry.touched < Self.idleMilliseconds else {
                if entry.isKnown { Self.end(entry, at: time, &batch) }
                series[key] = nil
                continue
            }
            if !entry.isKnown, key.kind != .gauge, key.kind != .set, lastFlush < time {
                Self.write(entry.labels, Self.start(key.kind), at: lastFlush, &batch)
            }
            Self.write(entry.labels, entry.value, at: time, &batch)
            series[key]?.isKnown = true
            if key.kind == .set { series[key]?.value = .distinct([]) }
        }
        lastFlush = time
        refused = [:]
        accepted = 0
        return batch
    }

    private static func write(
        _ labels: Labels, _ value: Value, at time: Int64, _ batch: inout MetricBatch
    ) {
        forEachSample(labels, value) { labels, value in
            let series = batch.append(labels)
            batch.append(series: series, time: time, value: value)
        }
    }

    private static func end(_ entry: Series, at time: Int64, _ batch: inout MetricBatch) {
        forEachSample(entry.labels, entry.value) { labels, _ in
            let series = batch.append(labels)
            batch.append(series: series, time: time, value: Sample.staleMarker)
        }
    }

    private static func forEachSample(
        _ labels: Labels, _ value: Value, _ body: (Labels, Double) -> Void
    ) {
        switch value {
        case .number(let number): body(labels, number)
        case .distinct(let values): body(labels, Double(values.count))
        case .histogram(let counts, let sum, let count):
            let name = labels[Labels.metricName] ?? ""
            var cumulative = 0.0
            for (index, bucket) in counts.enumerated() {
                cumulative += bucket
                let bound = index < bounds.count ? "\(bounds[index])" : "+Inf"
                body(
                    labels.setting(Labels.metricName, name + "_bucket").setting("le", bound),
                    cumulative)
            }
            body(labels.setting(Labels.metricName, name + "_sum"), sum)
            body(labels.setting(Labels.metricName, name + "_count"), count)
        }
    }
}

extension StatsDSeries.Value {
    fileprivate mutating func add(_ line: StatsDLine) {
        switch self {
        case .number(var number):
            line.forEachValue { value, isChange in
                if line.kind == .counter {
                    number += value / line.rate
                } else {
                    number = isChange ? number + value : value
                }
            }
            self = .number(number)
        case .distinct(var values):
            // Without a second reference the set grows where it is.
            self = .distinct([])
            line.forEachText { text in
                if values.count < StatsDSeries.setMax { values.insert(ContentHash(text)) }
            }
            self = .distinct(values)
        case .histogram(var counts, var sum, var count):
            self = .number(0)
            let scale = line.kind == .timer ? 1_000.0 : 1
            line.forEachValue { value, _ in
                let value = value / scale
                let weight = 1 / line.rate
                let bucket =
                    StatsDSeries.bounds.firstIndex { value <= $0 } ?? StatsDSeries.bounds.count
                counts[bucket] += weight
                sum += value * weight
                count += weight
            }
            self = .histogram(counts: counts, sum: sum, count: count)
        }
    }
}
