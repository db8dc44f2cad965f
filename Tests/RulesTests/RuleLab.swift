import Logging
import Platform
import PromQL
import QueryCore
import Rules
import Store
import Synchronization
import Telemetry

/// A store, a catalog and a clock for rules, and short words for what to do with them. Times are
/// seconds since the epoch.
final class RuleLab: Sendable {
    let store: MemoryStore
    let catalog: FragileCatalog
    let clock = ManualClock(wallNanoseconds: 0)
    let events = EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let settings: RuleSettings

    init(settings: RuleSettings = RuleSettings()) {
        store = MemoryStore { pattern, value throws(StoreError) in
            do {
                return try Regex(pattern).wholeMatch(in: value) != nil
            } catch {
                throw .invalidPattern(pattern: pattern, reason: "\(error)")
            }
        }
        catalog = FragileCatalog(store)
        self.settings = settings
    }

    var environment: RuleEnvironment {
        RuleEnvironment(
            store: store, catalog: catalog, clock: clock, events: events, settings: settings,
            logs: store, spans: store,
            notifications: { notification in
                let names = notification.alerts.map { alert in
                    let times = [alert.startsAt, alert.endsAt].map {
                        $0.map { "\(Int64($0.seconds))" } ?? ""
                    }
                    return "\(alert.labels)\(times.joined(separator: "-"))"
                }
                let text =
                    "\(Int64(notification.at.seconds)) \(notification.status) "
                    + names.joined(separator: " ")
                return [
                    Delivery(
                        receiver: "test", body: Array(text.utf8), createdAt: notification.at,
                        nextAttemptAt: notification.at)
                ]
            })
    }

    /// An evaluator of the first group of `yaml`, as after a start at `seconds`.
    func evaluator(_ yaml: String, at seconds: Double = 0) throws -> RuleGroupEvaluator {
        let file = try RuleFile.parse(yaml, path: "rules.yml")
        return try RuleGroupEvaluator(
            file.groups[0], in: environment, at: Timestamp(second: seconds))
    }

    /// An evaluator of one group `g` with these rules, each line indented by itself.
    func group(_ rules: String, head: String = "", at seconds: Double = 0) throws
        -> RuleGroupEvaluator
    {
        try evaluator(RuleLab.file(rules, head: head), at: seconds)
    }

    static func file(_ rules: String, head: String = "", name: String = "g") -> String {
        let indented = rules.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
        return
            "groups:\n- name: \(name)\n\(head.isEmpty ? "" : "  \(head)\n")  rules:\n\(indented)\n"
    }

    /// Stores one sample.
    func set(_ name: String, _ value: Double, at seconds: Double) {
        set(name, [:], value, at: seconds)
    }

    func set(
        _ name: String, _ labels: KeyValuePairs<String, String>, _ value: Double,
        at seconds: Double
    ) {
        var batch = MetricBatch()
        let pairs = labels.map { (name: $0.key, value: $0.value) }
        let series = batch.append(Labels(pairs + [(name: Labels.metricName, value: name)]))
        batch.append(series: series, time: Int64(seconds * 1_000), value: value)
        store.append(metrics: batch, digest: nil) { _ in }
    }

    /// The result of an instant query, a line a series.
    func query(_ query: String, at seconds: Double) throws -> [String] {
        let result = try PromQLEngine(store: store).instant(query, at: Int64(seconds * 1_000))
        guard case .vector(_, let elements) = result.value else { return [] }
        return elements.map { "\($0.labels) \(NumberFormat.decimal($0.value))" }
    }

    /// Everything that was put into the outbox: time, status, and each alert with its start and end.
    func told() throws -> [String] {
        try store.dueDeliveries(at: .distantFuture, limit: 1_000).map {
            String(decoding: $0.body, as: UTF8.self)
        }
    }

    /// `time from>to` of every transition, oldest first.
    func history() throws -> [String] {
        try store.alertHistory(limit: 1_000).reversed().map {
            "\(Int64($0.at.seconds)) \($0.from)>\($0.to)"
        }
    }
}

extension Timestamp {
    init(second: Double) { self.init(milliseconds: Int64((second * 1_000).rounded())) }
}

extension RuleGroupEvaluator {
    @discardableResult
    mutating func evaluate(at seconds: Double) -> Outcome {
        evaluate(at: Timestamp(second: seconds))
    }

    /// The state of the first rule, or its error.
    var state: String {
        let rule = status.rules[0]
        return rule.lastError.isEmpty ? rule.state : rule.lastError
    }
}

/// A catalog that can be told to refuse changes.
final class FragileCatalog: Catalog {
    private let inner: MemoryStore
    private let isBroken = Mutex(false)

    init(_ inner: MemoryStore) { self.inner = inner }

    func breakDown(_ flag: Bool) { isBroken.withLock { $0 = flag } }

    func alerts(group: RuleGroupKey) throws(StoreError) -> [AlertRecord] {
        try inner.alerts(group: group)
    }

    func commit(_ change: CatalogChange) throws(StoreError) {
        if isBroken.withLock({ $0 }) { throw .writeFailed(path: "catalog", reason: "disk full") }
        try inner.commit(change)
    }

    func alertHistory(limit: Int) throws(StoreError) -> [AlertTransition] {
        try inner.alertHistory(limit: limit)
    }

    func dueDeliveries(at now: Timestamp, limit: Int) throws(StoreError) -> [Delivery] {
        try inner.dueDeliveries(at: now, limit: limit)
    }

    func settle(_ delivery: Int64, _ outcome: DeliveryOutcome) throws(StoreError) {
        try inner.settle(delivery, outcome)
    }
}
