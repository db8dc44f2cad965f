import Logging
import Platform
import Synchronization
import Testing

private struct BatchDropped: InternalEvent {
    static let counter = "sidelight_test_dropped_total"
    static let help = "Batches dropped."
    var reason: String
    var items: UInt64
    var labels: [(name: String, value: String)] { [(name: "reason", value: reason)] }
    var increment: UInt64 { items }
    var level: Logger.Level? { .warning }
    var message: String { "dropped \(items) items: \(reason)" }
}

private struct BatchSeen: InternalEvent {
    static let counter = "sidelight_test_seen_total"
    static let help = "Batches seen."
}

/// Keeps what is logged.
private final class Recorder: Sendable {
    let lines = Mutex<[String]>([])

    struct Handler: LogHandler {
        let recorder: Recorder
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            recorder.lines.withLock { $0.append("\(event.level): \(event.message)") }
        }
    }

    var logger: Logger { Logger(label: "test") { _ in Handler(recorder: self) } }
}

@Suite("event log")
struct EventLogTests {
    private let recorder = Recorder()

    @Test("an event is counted by its labels and logged once, at its level")
    func countsAndLogs() {
        let events = EventLog(logger: recorder.logger)
        events.emit(BatchDropped(reason: "full", items: 3))
        events.emit(BatchDropped(reason: "full", items: 4))
        events.emit(BatchDropped(reason: "late", items: 1))
        #expect(events.count("sidelight_test_dropped_total", labels: ["full"]) == 7)
        #expect(events.count("sidelight_test_dropped_total", labels: ["late"]) == 1)
        #expect(events.count("sidelight_test_dropped_total", labels: ["other"]) == 0)
        #expect(
            recorder.lines.withLock { $0 } == [
                "warning: dropped 3 items: full", "warning: dropped 4 items: full",
                "warning: dropped 1 items: late",
            ])
    }

    @Test("an event without a level is counted in silence")
    func silent() {
        let events = EventLog(logger: recorder.logger)
        for _ in 0..<5 { events.emit(BatchSeen()) }
        #expect(events.count("sidelight_test_seen_total") == 5)
        #expect(recorder.lines.withLock { $0.isEmpty })
    }

    @Test("readings list counters and gauges by name and label, gauges as they are now")
    func readings() {
        let events = EventLog(logger: recorder.logger)
        let clock = ManualClock(wallNanoseconds: 1)
        events.gauge("sidelight_test_a_bytes", help: "Bytes.") { Double(clock.wallNanoseconds) }
        #expect(events.readings().map(\.value) == [1])
        clock.advance(byNanoseconds: 1)
        events.emit(BatchSeen())
        events.emit(BatchDropped(reason: "z", items: 1))
        events.emit(BatchDropped(reason: "a", items: 2))
        let readings = events.readings()
        #expect(
            readings.map(\.name) == [
                "sidelight_test_a_bytes", "sidelight_test_dropped_total",
                "sidelight_test_dropped_total", "sidelight_test_seen_total",
            ])
        #expect(readings.map(\.type) == ["gauge", "counter", "counter", "counter"])
        #expect(readings.map(\.value) == [2, 2, 1, 1])
        #expect(readings[1].labels.map(\.name) == ["reason"])
        #expect(readings.map { $0.labels.map(\.value) } == [[], ["a"], ["z"], []])
        #expect(readings[0].help == "Bytes." && readings[1].help == "Batches dropped.")
    }

    @Test("tasks that emit at once lose no count")
    func concurrency() async {
        let events = EventLog(logger: recorder.logger)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<500 { events.emit(BatchSeen()) } }
            }
        }
        #expect(events.count("sidelight_test_seen_total") == 4_000)
    }
}
