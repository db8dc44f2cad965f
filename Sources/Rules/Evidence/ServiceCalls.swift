import Logging
import Platform
import QueryCore
import Store
import Synchronization
import Telemetry

/// Who called whom lately, by the service graph's counters: callees by caller.
package struct ServiceCalls: Sendable, Hashable {
    package private(set) var callees: [String: Set<String>]
    /// All callers and callees.
    package let services: Set<String>

    package init(_ callees: [String: Set<String>] = [:]) {
        self.callees = callees
        services = callees.values.reduce(into: Set(callees.keys)) { $0.formUnion($1) }
    }

    package var isEmpty: Bool { callees.isEmpty }

    /// The service that an alert is about, by the name that it has on the graph.
    package func service(labels: [String: String], evidence: PageEvidence?) -> String? {
        if let name = evidence?.service, services.contains(name) { return name }
        let labels = Labels(labels.map { (name: $0.key, value: $0.value) })
        return ServiceNames.candidates(labels, []).first(where: services.contains)
    }
}

/// Reads the calls from the store, and again after a while.
package final class ServiceCallsReader: Sendable {
    /// Nanoseconds for which the calls are known: services do not change whom they call by the second.
    private static let freshFor: Int64 = 15_000_000_000
    /// Whoever is told of alerts does not wait longer for it.
    private static let timeout = Duration.seconds(1)

    private let metrics: any MetricStore
    private let clock: any Clock
    private let events: EventLog
    private let known = Mutex<(calls: ServiceCalls, at: Int64)?>(nil)

    package init(_ metrics: any MetricStore, clock: any Clock, events: EventLog) {
        self.metrics = metrics
        self.clock = clock
        self.events = events
    }

    /// The calls of the last hour; what was known before, or none, where they cannot be read. Blocks.
    package func calls() -> ServiceCalls {
        let now = clock.monotonicNanoseconds
        let old = known.withLock { $0 }
        if let old, now - old.at < Self.freshFor { return old.calls }
        var limits = QueryLimits()
        limits.duration = Self.timeout
        let context = QueryContext(limits: limits) { [clock] in clock.monotonicNanoseconds }
        do throws(QueryError) {
            let calls = try BurningServices.calls(
                metrics, at: clock.wallNanoseconds / 1_000_000, context: context)
            known.withLock { $0 = (calls, now) }
            return calls
        } catch {
            events.emit(ServiceCallsUnread(reason: error.message))
            return old?.calls ?? ServiceCalls()
        }
    }
}

/// The service graph could not be read; callers and callees are told of separately.
struct ServiceCallsUnread: InternalEvent {
    static let counter = "sidelight_service_graph_unread_total"
    static let help = "Times that alerts could not be grouped by the service graph."

    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "the service graph was not read to group alerts: \(reason)" }
}
