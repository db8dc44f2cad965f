import PromQL
import QueryCore
import Store
import Telemetry

extension RuleGroupEvaluator {
    /// Nanoseconds that a pending alert may have been out of sight and still go on; Prometheus's outage
    /// tolerance.
    private static let outageMax: Int64 = 3_600_000_000_000

    /// Pending alerts as they go on at `now`: a time in which nothing was evaluated is no time in which an
    /// expression held. What `ALERTS_FOR_STATE` saw last says how long that was; beyond an hour an alert
    /// begins anew.
    func withoutDowntime(_ records: [AlertRecord], at now: Timestamp) -> [AlertRecord] {
        let names = Set(
            records.compactMap { record in
                if case .pending = record.state { record.labels["alertname"] } else { nil }
            })
        guard !names.isEmpty else { return records }
        let seen: [Labels: Int64]
        do throws(QueryError) {
            seen = try lastSeen(names, at: now)
        } catch {
            // What the catalog says is the next best.
            return records
        }
        return records.map { record in
            guard case .pending(let since) = record.state else { return record }
            var record = record
            guard let last = seen[record.labels] else {
                record.state = .pending(since: now)
                return record
            }
            let gap = now.nanoseconds &- last &- interval &* 1_000_000
            guard gap > 0 else { return record }
            let start = since.advanced(byNanoseconds: gap)
            record.state = .pending(since: gap <= Self.outageMax && start < now ? start : now)
            return record
        }
    }

    /// When each alert of these names was last pending or firing, in nanoseconds.
    private func lastSeen(
        _ names: Set<String>, at now: Timestamp
    ) throws(QueryError) -> [Labels: Int64] {
        let window = Self.outageMax / 1_000_000 &+ 2 &* interval
        var seen: [Labels: Int64] = [:]
        for name in names {
            let query =
                "ts_of_last_over_time(ALERTS_FOR_STATE{alertname=\(QuotedText.quote(name))}"
                + "[\(window)ms])"
            for element in try environment.result(of: query, at: now.milliseconds) {
                let labels = Labels(
                    element.labels.pairs.filter { $0.name != Labels.metricName })
                seen[labels] = Int64(element.value * 1e9)
            }
        }
        return seen
    }
}
