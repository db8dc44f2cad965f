import Foundation
import Logging
import Platform
import RegularExpressions
import SQLiteStore
import Store
import Telemetry
import Testing

/// All that a store does, under one name.
typealias WholeStore = SpanStore & LogStore & MetricStore & Catalog

/// The stores that must behave the same, and what is done to them between writes.
enum StoreKind: String, CaseIterable, CustomTestStringConvertible {
    case memory
    /// Everything stays in the head.
    case sqliteHead
    /// Every batch becomes blocks at once; merging goes on in the background.
    case sqliteSealed
    /// Blocks of few rows, and a restart after every few batches.
    case sqliteRestarted

    var testDescription: String { rawValue }
}

/// A store of some kind with its folder.
final class StoreUnderTest {
    let kind: StoreKind
    let clock = ManualClock(wallNanoseconds: 1_795_255_200_000_000_000)
    private let directory: String
    private var sqlite: SQLiteTelemetryStore?
    private let memory: MemoryStore
    private var appends = 0

    init(_ kind: StoreKind) throws {
        self.kind = kind
        directory =
            FileManager.default.temporaryDirectory.path + "/sidelight-contract-" + UUID().uuidString
        memory = MemoryStore { pattern, value throws(StoreError) in
            do throws(PatternError) {
                return try Pattern(pattern).matchesWhole(value)
            } catch {
                throw .invalidPattern(pattern: pattern, reason: error.reason)
            }
        }
        if kind != .memory { sqlite = try open() }
    }

    deinit {
        do {
            try sqlite?.close()
            if kind != .memory { try FileManager.default.removeItem(atPath: directory) }
        } catch {
            print("cannot clear away \(directory): \(error)")
        }
    }

    private func open() throws -> SQLiteTelemetryStore {
        var configuration = StoreConfiguration(directory: directory)
        configuration.looseSamplesMax = 40
        if kind == .sqliteRestarted {
            configuration.blockRowsMax = 7
            configuration.wholeTraceSpansMax = 9
            configuration.directoryTracesMax = 25
        }
        return try SQLiteTelemetryStore(
            configuration: configuration, clock: clock,
            events: EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
    }

    var spans: any SpanStore { sqlite ?? memory }
    var logs: any LogStore { sqlite ?? memory }
    var metrics: any MetricStore { sqlite ?? memory }
    var catalog: any Catalog { sqlite?.catalog ?? memory }

    func append(_ batch: SpanBatch, digest: ContentHash? = nil) async throws -> AppendOutcome {
        let store = spans
        return try await finish { store.append(spans: batch, digest: digest, completion: $0) }
    }

    func append(_ batch: LogBatch, digest: ContentHash? = nil) async throws -> AppendOutcome {
        let store = logs
        return try await finish { store.append(logs: batch, digest: digest, completion: $0) }
    }

    func append(_ batch: MetricBatch, digest: ContentHash? = nil) async throws -> AppendOutcome {
        let store = metrics
        return try await finish { store.append(metrics: batch, digest: digest, completion: $0) }
    }

    private func finish(
        _ append: (@escaping AppendCompletion) -> Void
    ) async throws -> AppendOutcome {
        let outcome = try await withCheckedThrowingContinuation { continuation in
            append { continuation.resume(with: $0) }
        }
        appends += 1
        switch kind {
        case .memory, .sqliteHead: break
        case .sqliteSealed: try sqlite?.seal()
        case .sqliteRestarted:
            try sqlite?.seal()
            if appends % 4 == 0 { try restart() }
        }
        return outcome
    }

    func restart() throws {
        guard kind != .memory else { return }
        try sqlite?.close()
        sqlite = try open()
    }
}
