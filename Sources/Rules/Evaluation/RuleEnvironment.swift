import Platform
import PromQL
import QueryCore
import Store
import Telemetry

/// What evaluating rules takes besides the rules.
package struct RuleEnvironment: Sendable {
    package var store: any MetricStore
    /// For rules over log lines.
    package var logs: (any LogStore)?
    /// For rules over spans.
    package var spans: (any SpanStore)?
    /// Counts the events of objectives.
    package var ledger: EventLedger?
    /// Incidents that do not count against objectives.
    package var excludedTimes: ExcludedTimes = { _ in [] }
    package var catalog: any Catalog
    package var clock: any Clock
    package var events: EventLog
    package var settings: RuleSettings
    /// Makes the deliveries of a notification.
    package var notifications: NotificationBuilder
    /// Finds out why alerts fire; `nil` to tell them as they are. Blocks for a second at most.
    package var evidence: EvidenceGatherer?
    /// Called after deliveries were put into the outbox.
    package var outboxFilled: @Sendable () -> Void

    package init(
        store: any MetricStore, catalog: any Catalog, clock: any Clock, events: EventLog,
        settings: RuleSettings = RuleSettings(), logs: (any LogStore)? = nil,
        spans: (any SpanStore)? = nil,
        notifications: @escaping NotificationBuilder = { _ in [] },
        evidence: EvidenceGatherer? = nil, outboxFilled: @escaping @Sendable () -> Void = {}
    ) {
        self.store = store
        self.logs = logs
        self.spans = spans
        self.catalog = catalog
        self.clock = clock
        self.events = events
        self.settings = settings
        self.notifications = notifications
        self.evidence = evidence
        self.outboxFilled = outboxFilled
    }
}

/// Gathers evidence, one for each subject.
package typealias EvidenceGatherer =
    @Sendable (_ subjects: [EvidenceSubject], _ now: Timestamp) -> [AlertEvidence]

/// Choices of the operator.
package struct RuleSettings: Sendable {
    /// Interval of groups that name none, in milliseconds; Prometheus's default.
    package var defaultInterval: Int64 = 60_000
    /// Nanoseconds after which a firing alert is told again.
    package var resendAfter: Int64 = 60_000_000_000
    /// Where people reach this server, without a slash at the end.
    package var externalURL = ""
    /// What tells this server's alerts from others', for templates.
    package var externalLabels: [String: String] = [:]
    /// Groups evaluated at once.
    package var threads = 2
    package var query = PromQLOptions()
    package var limits = QueryLimits()
    /// Longest wait until samples are durable, in nanoseconds: far more than a commit takes, and short
    /// enough that a stuck disk shows as a failing rule.
    package var appendTimeout: Int64 = 30_000_000_000

    package init() {}
}
