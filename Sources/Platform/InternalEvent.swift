import Logging
import Synchronization

/// Something that happened inside the program and that its operator may ask about. Emitting one logs
/// and counts together, so that no count is without a message and no loss without a count.
package protocol InternalEvent: Sendable {
    /// Counter name in Prometheus form, `sidelight_…_total`.
    static var counter: String { get }
    /// One line for `# HELP`.
    static var help: String { get }
    /// Label names and values of the counter: few, from fixed sets, never from input.
    var labels: [(name: String, value: String)] { get }
    /// How much the counter rises.
    var increment: UInt64 { get }
    /// `nil` counts without logging, for events of the hot path.
    var level: Logger.Level? { get }
    var message: String { get }
}

extension InternalEvent {
    package var labels: [(name: String, value: String)] { [] }
    package var increment: UInt64 { 1 }
    package var level: Logger.Level? { nil }
    package var message: String { "" }
}

/// Receives internal events: logs them and keeps their counters, and the gauges of those who register
/// one. What `/metrics` shows.
package final class EventLog: Sendable {
    /// One line of the exposition.
    package struct Reading: Sendable {
        package var name: String
        /// What `# HELP` and `# TYPE` are about: of a histogram the name without `_bucket`.
        package var family: String
        package var help: String
        /// `counter`, `gauge` or `histogram`.
        package var type: String
        package var labels: [(name: String, value: String)]
        package var value: Double

        package init(
            name: String, family: String? = nil, help: String, type: String,
            labels: [(name: String, value: String)] = [], value: Double
        ) {
            self.name = name
            self.family = family ?? name
            self.help = help
            self.type = type
            self.labels = labels
            self.value = value
        }
    }

    private struct Key: Hashable {
        var name: String
        var labels: [String]
    }

    private struct Cell {
        var help: String
        var labels: [(name: String, value: String)]
        var count: UInt64
    }

    private struct Gauge {
        var name: String
        var help: String
        var read: @Sendable () -> Double
    }

    private struct State {
        var counters: [Key: Cell] = [:]
        var gauges: [Gauge] = []
        var collectors: [@Sendable () -> [Reading]] = []
    }

    package let logger: Logger
    private let state = Mutex(State())

    package init(logger: Logger) { self.logger = logger }

    package func emit<Event: InternalEvent>(_ event: Event) {
        let labels = event.labels
        let key = Key(name: Event.counter, labels: labels.map(\.value))
        state.withLock { state in
            state.counters[key, default: Cell(help: Event.help, labels: labels, count: 0)].count +=
                event.increment
        }
        if let level = event.level {
            logger.log(level: level, "\(event.message)")
        }
    }

    /// Shows a counter with 0 before its first event, so that its first rise is one.
    package func announce<Event: InternalEvent>(
        _ type: Event.Type, labels: [(name: String, value: String)] = []
    ) {
        let key = Key(name: Event.counter, labels: labels.map(\.value))
        state.withLock { state in
            guard state.counters[key] == nil else { return }
            state.counters[key] = Cell(help: Event.help, labels: labels, count: 0)
        }
    }

    /// Registers values that are read together whenever readings are taken.
    package func collect(_ read: @escaping @Sendable () -> [Reading]) {
        state.withLock { $0.collectors.append(read) }
    }

    /// Registers a value that is read whenever readings are taken.
    package func gauge(_ name: String, help: String, read: @escaping @Sendable () -> Double) {
        state.withLock { $0.gauges.append(Gauge(name: name, help: help, read: read)) }
    }

    /// All counters and gauges, by name and labels.
    package func readings() -> [Reading] {
        let (counters, gauges, collectors) = state.withLock {
            ($0.counters, $0.gauges, $0.collectors)
        }
        var readings = counters.map { key, cell in
            Reading(
                name: key.name, help: cell.help, type: "counter", labels: cell.labels,
                value: Double(cell.count))
        }
        readings += gauges.map {
            Reading(name: $0.name, help: $0.help, type: "gauge", value: $0.read())
        }
        for read in collectors { readings += read() }
        return readings.sorted {
            ($0.name, $0.labels.map(\.value).joined(separator: "\u{0}"))
                < ($1.name, $1.labels.map(\.value).joined(separator: "\u{0}"))
        }
    }

    /// The value of one counter; 0 if it never rose.
    package func count(_ name: String, labels: [String] = []) -> UInt64 {
        state.withLock { $0.counters[Key(name: name, labels: labels)]?.count ?? 0 }
    }
}
