import LogQL
import QueryCore
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

    /// Milliseconds. Windows begin at a multiple of it.
    package static let bucket: Int64 = 15_000
    static let metric = "sidelight_slo_events"
    /// Until when events are counted, as the time of its sample, and from when on, as its value.
    static let progressMetric = "sidelight_slo_events_counted_from_seconds"

    init(_ language: Language, _ query: String) throws(QueryError) {
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
    }

    /// The same for the same events, whichever objective counts them.
    package var id: String {
        let hash = ContentHash(Array("\(language.rawValue) \(query)".utf8))
        let digits = String(hash.high, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// How many there are in a window, as PromQL over what was counted.
    var windowQuery: String {
        "sum(sum_over_time(\(Self.metric){query=\"\(id)\"}[{{.window}}]))"
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
