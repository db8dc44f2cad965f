import QueryCore
import Store
import Telemetry

/// Calls between services over a range of time from the service graph's counters, which count every span
/// when it arrives: for ranges that hold more spans than can be looked at one by one.
struct ServiceGraphLinks: Sendable {
    struct Link: Hashable, Sendable {
        var parent: String
        var child: String
    }

    struct Count: Hashable, Sendable {
        var calls = 0
        var errors = 0
    }

    private(set) var counts: [Link: Count] = [:]

    private static let overflow = "__overflow__"
    private static let requests = "traces_service_graph_request_total"
    private static let failed = "traces_service_graph_request_failed_total"
    /// A counter's value at the beginning of the range may be this much older.
    private static let lookbackMilliseconds: Int64 = 3_600_000

    /// - Parameter range: of arrival.
    init(_ metrics: any MetricStore, in range: TimeRange, context: QueryContext) throws {
        let start = range.start.milliseconds
        let end = range.end.milliseconds
        guard start < end else { return }
        let selection = try metrics.selectSeries(
            [LabelMatcher("__name__", .matches, "\(Self.requests)|\(Self.failed)")],
            in: max(0, start - Self.lookbackMilliseconds)...end)
        var columns = SampleColumns()
        for index in 0..<selection.count {
            try context.check()
            let labels = selection.labels(index)
            // Who calls from outside is no service.
            guard let parent = labels["client"], let child = labels["server"],
                !(parent == "user" && labels["connection_type"] == "virtual_node"),
                // Services beyond the bound have no names: this is no call between two that do.
                !(parent == child && parent == Self.overflow)
            else { continue }
            try selection.samples(index, into: &columns)
            let increase = Self.increase(columns, from: start)
            guard increase > 0 else { continue }
            let link = Link(parent: parent, child: child)
            if labels["__name__"] == Self.requests {
                counts[link, default: Count()].calls += increase
            } else {
                counts[link, default: Count()].errors += increase
            }
        }
    }

    /// How much a counter rose after `start`; where it fell it began anew.
    static func increase(_ samples: SampleColumns, from start: Int64) -> Int {
        var total = 0.0
        var last: Double?
        for (time, value) in zip(samples.times, samples.values) where !value.isNaN {
            if time > start, let last { total += value < last ? value : value - last }
            last = value
        }
        return Int(clamping: Int64(exactly: total.rounded()) ?? 0)
    }
}
