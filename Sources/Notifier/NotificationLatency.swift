import Platform
import Synchronization

/// How long attempts at notifications took, by kind of receiver: the histogram that Alertmanager's own alerts
/// and dashboards read.
final class NotificationLatency: Sendable {
    private struct Tally {
        /// Of each bound, and of all.
        var counts = [UInt64](repeating: 0, count: NotificationLatency.bounds.count + 1)
        var seconds = 0.0
    }

    /// Alertmanager's, in seconds.
    static let bounds: [Double] = [1, 5, 10, 15, 20]
    private static let name = "alertmanager_notification_latency_seconds"

    private let tallies = Mutex<[String: Tally]>([:])

    /// Shows a kind before anything was sent.
    func announce(_ kind: String) { tallies.withLock { $0[kind, default: Tally()].seconds += 0 } }

    func note(_ nanoseconds: Int64, _ kind: String) {
        let seconds = Double(max(0, nanoseconds)) / 1e9
        tallies.withLock { tallies in
            var tally = tallies[kind, default: Tally()]
            tally.seconds += seconds
            for (index, bound) in Self.bounds.enumerated() where seconds <= bound {
                tally.counts[index] += 1
            }
            tally.counts[Self.bounds.count] += 1
            tallies[kind] = tally
        }
    }

    var readings: [EventLog.Reading] {
        tallies.withLock { $0 }.flatMap { kind, tally -> [EventLog.Reading] in
            func reading(_ suffix: String, _ value: Double, le: String? = nil) -> EventLog.Reading {
                var labels = [(name: "integration", value: kind)]
                if let le { labels.append((name: "le", value: le)) }
                return EventLog.Reading(
                    name: Self.name + suffix, family: Self.name,
                    help: "Time that attempts to deliver a notification took, in seconds.",
                    type: "histogram", labels: labels, value: value)
            }
            let bounds = Self.bounds.map { "\(Int($0))" } + ["+Inf"]
            return zip(bounds, tally.counts).map { reading("_bucket", Double($1), le: $0) } + [
                reading("_sum", tally.seconds),
                reading("_count", Double(tally.counts[Self.bounds.count])),
            ]
        }
    }
}
