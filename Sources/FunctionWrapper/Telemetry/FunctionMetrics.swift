import Telemetry
import WireFormats

/// The counts and distributions of a function (OpenTelemetry semantic conventions, "FaaS metrics").
struct FunctionMetrics: Sendable {
    enum Counter: String, Sendable, CaseIterable {
        /// Successful ones only, as the conventions say.
        case invocations = "faas.invocations"
        case errors = "faas.errors"
        case coldStarts = "faas.coldstarts"
        /// Not counted as errors as well.
        case timeouts = "faas.timeouts"

        var unit: String {
            switch self {
            case .invocations: "{invocation}"
            case .errors: "{error}"
            case .coldStarts: "{coldstart}"
            case .timeouts: "{timeout}"
            }
        }
    }

    enum Distribution: String, Sendable, CaseIterable {
        case invokeDuration = "faas.invoke_duration"
        case initDuration = "faas.init_duration"
        case memoryUsage = "faas.mem_usage"
        case cpuUsage = "faas.cpu_usage"

        var unit: String { self == .memoryUsage ? "By" : "s" }

        /// The bounds that the conventions advise for durations; powers of two from 8 MiB for memory.
        var bounds: [Double] {
            self == .memoryUsage
                ? (0..<11).map { Double(8 << (20 + $0)) }
                : [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
        }
    }

    private struct Histogram: Sendable {
        var sum = 0.0
        var buckets: [UInt64]
    }

    private struct Key: Hashable {
        var name: String
        var trigger: String
    }

    private let start: Timestamp
    private var counts: [Key: Int64] = [:]
    private var histograms: [Key: Histogram] = [:]

    init(start: Timestamp) { self.start = start }

    mutating func count(_ counter: Counter, trigger: String) {
        counts[Key(name: counter.rawValue, trigger: trigger), default: 0] += 1
    }

    mutating func record(_ value: Double, _ distribution: Distribution, trigger: String) {
        let bounds = distribution.bounds
        let key = Key(name: distribution.rawValue, trigger: trigger)
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        histograms[
            key, default: Histogram(buckets: Array(repeating: 0, count: bounds.count + 1))
        ].buckets[bucket] += 1
        histograms[key]?.sum += value
    }

    /// All points; empty before anything happened.
    func points(at time: Timestamp) -> [ExportMetric] {
        let counters = Counter.allCases.compactMap { counter -> ExportMetric? in
            let points = counts.filter { $0.key.name == counter.rawValue }.map {
                ExportNumberPoint(
                    attributes: [Attribute("faas.trigger", .string($0.key.trigger))], start: start,
                    time: time, value: .int($0.value))
            }
            guard !points.isEmpty else { return nil }
            return ExportMetric(
                name: counter.rawValue, unit: counter.unit, data: .sum(points, isMonotonic: true))
        }
        let distributions = Distribution.allCases.compactMap { distribution -> ExportMetric? in
            let points = histograms.filter { $0.key.name == distribution.rawValue }.map {
                ExportHistogramPoint(
                    attributes: [Attribute("faas.trigger", .string($0.key.trigger))], start: start,
                    time: time, sum: $0.value.sum, bounds: distribution.bounds,
                    bucketCounts: $0.value.buckets)
            }
            guard !points.isEmpty else { return nil }
            return ExportMetric(
                name: distribution.rawValue, unit: distribution.unit, data: .histogram(points))
        }
        return counters + distributions
    }
}
