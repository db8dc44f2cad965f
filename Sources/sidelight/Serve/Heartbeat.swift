import Foundation
import Logging
import Notifier
import Platform
import Store
import Synchronization
import Telemetry

/// A message that comes every minute as long as everything from storing a sample over the evaluation of rules
/// to the delivery of notifications works: what `--heartbeat-url` is told, for a dead man's switch elsewhere.
/// With scraped targets it says that scraping works, too.
struct Heartbeat: Sendable {
    static let alertName = "SidelightHeartbeat"

    let receiver: WebhookReceiver
    private let folder: String
    private let isScraping: Bool

    /// `nil` if nobody wants to be told.
    init?(_ configuration: ServeConfiguration) throws {
        guard let text = configuration.heartbeatURL else { return nil }
        do {
            receiver = WebhookReceiver(
                name: "heartbeat", url: try WebhookURL(text), sendsResolved: false)
        } catch {
            throw ConfigurationError(description: "heartbeat-url: \(error)")
        }
        folder = "\(configuration.data)/tenants/default"
        isScraping = configuration.scrapeConfig != nil
    }

    /// Writes the rule that beats.
    func ruleFile() throws -> String {
        let scraped = isScraping ? " and on() (time() - max(timestamp(up)) < 300)" : ""
        let text = """
            # Written by sidelight serve for --heartbeat-url.
            groups:
              - name: sidelight-heartbeat
                interval: 5s
                rules:
                  - alert: \(Self.alertName)
                    expr: (time() - max(\(HeartbeatLoop.metric)) < 60)\(scraped)
                    annotations:
                      summary: Samples are stored, rules are evaluated and notifications are delivered.

            """
        let path = "\(folder)/heartbeat.yml"
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw ConfigurationError(
                description: "cannot write \(path): \(error.localizedDescription)")
        }
        return path
    }

    /// Beats go to their receiver alone, all other alerts to `others`.
    static func builder(
        _ heartbeat: Heartbeat?, _ others: @escaping NotificationBuilder
    ) -> NotificationBuilder {
        guard let heartbeat else { return others }
        let beats = [heartbeat.receiver].builder
        return { notification in
            var (own, rest) = (notification, notification)
            own.alerts.removeAll { $0.labels["alertname"] != alertName }
            rest.alerts.removeAll { $0.labels["alertname"] == alertName }
            return (own.alerts.isEmpty ? [] : beats(own))
                + (rest.alerts.isEmpty ? [] : others(rest))
        }
    }
}

/// Writes a sample of the time and the counters of notifications into the store, so that rules can tell whether
/// storing works and can alert on deliveries that fail.
final class HeartbeatLoop: Sendable {
    static let metric = "sidelight_heartbeat_seconds"
    private static let intervalNanoseconds: Int64 = 15_000_000_000

    private let metrics: any MetricStore
    private let clock: any Clock
    private let events: EventLog
    private let isStopping = Atomic(false)
    private let wake = WakeUp()
    private let thread = WorkerThread(name: "heartbeat", capacity: 1)

    init(metrics: any MetricStore, clock: any Clock, events: EventLog) {
        self.metrics = metrics
        self.clock = clock
        self.events = events
    }

    func start() {
        let isStarted = thread.submit { [self] in
            while !isStopping.load(ordering: .acquiring) {
                beat()
                wake.wait(nanoseconds: Self.intervalNanoseconds)
            }
        }
        precondition(isStarted, "BUG: started twice")
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        wake.signal()
        thread.stop()
    }

    private func beat() {
        let now = clock.wallNanoseconds / 1_000_000
        var batch = MetricBatch()
        func add(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
            let own = [
                (name: Labels.metricName, value: name), (name: "job", value: "sidelight"),
            ]
            batch.append(series: batch.append(Labels(labels + own)), time: now, value: value)
        }
        add(Self.metric, [], Double(now) / 1_000)
        let prefixes = ["alertmanager_", "prometheus_"]
        for reading in events.readings() where prefixes.contains(where: reading.name.hasPrefix) {
            add(reading.name, reading.labels, reading.value)
        }
        metrics.append(metrics: batch, digest: nil) { [events] result in
            if case .failure(let error) = result { events.emit(HeartbeatLost(reason: "\(error)")) }
        }
    }
}

/// The sample of the time was not stored; the next one comes.
struct HeartbeatLost: InternalEvent {
    static let counter = "sidelight_heartbeats_lost_total"
    static let help = "Samples of the time that the store did not take."

    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "a heartbeat was not stored: \(reason)" }
}
