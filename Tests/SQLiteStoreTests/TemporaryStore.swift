import Foundation
import Logging
import Platform
import SQLiteStore
import Store
import Synchronization
import Telemetry

/// A store in a folder of its own, which goes with it.
final class TemporaryStore {
    let directory: String
    let clock: ManualClock
    let events: EventLog
    private(set) var store: SQLiteTelemetryStore

    /// 2026-11-21T10:00:00Z.
    static let start: Int64 = 1_795_255_200_000_000_000

    init(configure: (inout StoreConfiguration) -> Void = { _ in }) throws {
        directory = FileManager.default.temporaryDirectory.path + "/sidelight-" + UUID().uuidString
        clock = ManualClock(wallNanoseconds: TemporaryStore.start)
        events = EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var configuration = StoreConfiguration(directory: directory)
        configure(&configuration)
        store = try SQLiteTelemetryStore(
            configuration: configuration, clock: clock, events: events)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: directory) } catch {
            print("cannot remove \(directory): \(error)")
        }
    }

    /// Closes the store in good order and opens it again.
    func reopen(configure: (inout StoreConfiguration) -> Void = { _ in }) throws {
        try store.close()
        var configuration = StoreConfiguration(directory: directory)
        configure(&configuration)
        store = try SQLiteTelemetryStore(
            configuration: configuration, clock: clock, events: events)
    }

    /// Opens a copy of the files as they are now: what a process finds after this one was killed.
    func openCopy() throws -> SQLiteTelemetryStore {
        let copy = directory + "/copy"
        try FileManager.default.createDirectory(
            atPath: copy, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: directory)
        where name != "copy" && name != "LOCK" {
            try FileManager.default.copyItem(
                atPath: "\(directory)/\(name)", toPath: "\(copy)/\(name)")
        }
        return try SQLiteTelemetryStore(
            configuration: StoreConfiguration(directory: copy), clock: clock, events: events)
    }

    func append(_ batch: SpanBatch, digest: ContentHash? = nil) async throws -> AppendOutcome {
        try await withCheckedThrowingContinuation { continuation in
            store.append(spans: batch, digest: digest) { continuation.resume(with: $0) }
        }
    }

    func append(_ batch: LogBatch, digest: ContentHash? = nil) async throws -> AppendOutcome {
        try await withCheckedThrowingContinuation { continuation in
            store.append(logs: batch, digest: digest) { continuation.resume(with: $0) }
        }
    }

    func append(_ batch: MetricBatch, digest: ContentHash? = nil) async throws -> AppendOutcome {
        try await withCheckedThrowingContinuation { continuation in
            store.append(metrics: batch, digest: digest) { continuation.resume(with: $0) }
        }
    }
}

/// Made-up telemetry, the same for the same arguments.
enum Sample {
    static func spans(trace: UInt64, count: Int, service: String = "web") -> SpanBatch {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string(service))]))
        let scope = batch.append(Scope(name: "made-up"))
        for index in 0..<count {
            var span = SpanRecord(
                traceID: TraceID(high: 7, low: trace),
                spanID: SpanID(trace << 16 | UInt64(index + 1)), name: "GET /\(index % 4)",
                start: Timestamp(
                    nanoseconds: TemporaryStore.start + Int64(trace) * 1_000_000 + Int64(index)),
                duration: Int64(1_000 * (index + 1)))
            span.kind = .server
            if index > 0 { span.parentID = SpanID(trace << 16 | 1) }
            span.attributes = [
                Attribute("http.response.status_code", .int(index % 5 == 0 ? 500 : 200)),
                Attribute("request", .string("\(trace)-\(index)")),
            ]
            batch.append(span, resource: resource, scope: scope)
        }
        return batch
    }

    static func logs(from first: Int, count: Int, service: String = "web") -> LogBatch {
        var batch = LogBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string(service))]))
        let scope = batch.append(Scope())
        for index in first..<(first + count) {
            var record = LogRecord(
                time: Timestamp(nanoseconds: TemporaryStore.start + Int64(index) * 1_000),
                observedTime: .zero, body: .string("line \(index)"))
            record.traceID = TraceID(high: 7, low: UInt64(index))
            batch.append(record, resource: resource, scope: scope)
        }
        return batch
    }

    static func metrics(series: Range<Int>, times: Range<Int>) -> MetricBatch {
        var batch = MetricBatch()
        for number in series {
            let index = batch.append(
                Labels(["__name__": "requests_total", "instance": "i\(number)", "job": "web"]))
            for time in times {
                batch.append(
                    series: index, time: TemporaryStore.start / 1_000_000 + Int64(time) * 15_000,
                    value: Double(time * (number + 1)))
            }
        }
        return batch
    }
}
