import LogQL
import QueryCore
import Store
import Telemetry
import TraceQL

/// Events that are counted from what the store keeps of them itself: spans that a TraceQL query yields, or
/// lines that a LogQL query yields. No bounds of histogram buckets, no counters that may be lost.
///
/// What was counted is kept as series of samples, one a bucket of 15 s in which there were events, so that
/// budgets outlive spans and lines.
package struct EventSource: Hashable, Sendable {
    package enum Language: String, Sendable {
        case traceQL, logQL
    }

    package let language: Language
    package let query: String
    /// Attributes of spans, or labels of lines, that have a budget of their own for each value.
    package let groupedBy: [String]

    /// Most values counted apart; further ones are counted together under `otherGroup`.
    static let groupsMax = 1_000
    static let otherGroup = "__other__"
    /// Milliseconds. Windows begin at a multiple of it.
    package static let bucket: Int64 = 15_000
    static let metric = "sidelight_slo_events"
    /// Until when events are counted, as the time of its sample, and from when on, as its value.
    static let progressMetric = "sidelight_slo_events_counted_from_seconds"

    init(
        _ language: Language, _ query: String, groupedBy: [String] = []
    ) throws(QueryError) {
        switch language {
        case .traceQL:
            guard case .spansets = try TraceQLEngine.parse(query).body else {
                throw .badData(
                    "the query yields series; events are spans, such as { status = error }")
            }
        case .logQL:
            guard case .log = try LogQLEngine.parse(query) else {
                throw .badData(
                    "the query yields numbers; events are lines, such as {app=\"a\"} |= \"x\"")
            }
        }
        self.language = language
        self.query = query
        self.groupedBy = groupedBy
    }

    /// The same for the same events, whichever objective counts them.
    package var id: String {
        let groups = groupedBy.map { "\u{1F}\($0)" }.joined()
        let hash = ContentHash(Array("\(language.rawValue) \(query)\(groups)".utf8))
        let digits = String(hash.high, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// How many there are in a window, as PromQL over what was counted.
    var windowQuery: String {
        let groups = labelNames.joined(separator: ", ")
        return "sum\(groups.isEmpty ? "" : " by (\(groups)) ")"
            + "(sum_over_time(\(Self.metric){query=\"\(id)\"}[{{.window}}]))"
    }

    /// `http.route` is the label `http_route`.
    var labelNames: [String] { groupedBy.map(LogStream.labelName) }

    /// Of the events whose attributes have these values.
    func labels(_ metric: String, group: [String]) -> Labels {
        Labels(
            labels(metric).pairs
                + zip(labelNames, group).filter { !$0.1.isEmpty }.map { (name: $0.0, value: $0.1) })
    }

    func labels(_ metric: String) -> Labels {
        Labels([Labels.metricName: metric, "query": id, "language": language.rawValue])
    }

    /// The bucket of a time, by its start. Milliseconds.
    static func start(of time: Int64) -> Int64 {
        let past = time % bucket
        return time - (past < 0 ? past + bucket : past)
    }
}
