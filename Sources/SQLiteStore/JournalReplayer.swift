import ColumnEncoding
import Journal
import Store
import Telemetry

extension RecordKind {
    /// The digests of the last minutes, written before the segments that hold them are deleted.
    static let digestWindow = RecordKind.custom
}

/// Carries journal records back into the heads at start, leaving out what a file already holds.
struct JournalReplayer {
    private let spans: BlockStore<SpanSignal>
    private let logs: BlockStore<LogSignal>
    private let metrics: MetricEngine
    private let digests: DigestGate
    private let derived: DerivedState<SpanBatch>?
    private let derivedLogs: DerivedState<LogBatch>?
    private let derivedThrough: [UInt64?]
    private var sealed: [String: UInt64] = [:]
    /// Records that could not be read although their checksum holds.
    private(set) var failures: [String] = []
    private var storeFailure: StoreError?

    init(
        spans: BlockStore<SpanSignal>, logs: BlockStore<LogSignal>, metrics: MetricEngine,
        digests: DigestGate, derived: DerivedState<SpanBatch>?,
        derivedLogs: DerivedState<LogBatch>?, derivedThrough: [UInt64?]
    ) {
        self.spans = spans
        self.logs = logs
        self.metrics = metrics
        self.digests = digests
        self.derived = derived
        self.derivedLogs = derivedLogs
        self.derivedThrough = derivedThrough
    }

    /// The highest sequence that any file knows of.
    func sealedThrough() throws(StoreError) -> UInt64 {
        var highest = derivedThrough.reduce(metrics.sealedThrough()) { max($0, $1 ?? 0) }
        for directory in [spans.partitions, logs.partitions] {
            for day in directory.days {
                highest = max(highest, try directory.partition(for: day).sealedThrough())
            }
        }
        return highest
    }

    mutating func take(_ record: JournalRecord) {
        if let digest = record.digest { digests.restore(digest, at: record.arrival) }
        do {
            switch record.kind {
            case .spans:
                try takeSpans(record)
            case .logs:
                try takeLogs(record)
            case .metrics:
                try metrics.replay(
                    record.payload, sequence: record.sequence, arrival: record.arrival)
            case .digestWindow:
                guard digests.restore(checkpoint: record.payload) else {
                    failures.append("record \(record.sequence) is no digest window")
                    return
                }
            default:
                failures.append(
                    "record \(record.sequence) is of unknown kind \(record.kind.rawValue)")
            }
        } catch let error as StoreError {
            storeFailure = error
        } catch {
            failures.append("record \(record.sequence) cannot be decoded: \(error)")
        }
    }

    /// Sealed and derived are two things: either may be ahead of the other.
    private mutating func takeSpans(_ record: JournalRecord) throws {
        let isSealed = try isSealed(record, in: spans.partitions)
        let isDerived = derived.map { record.sequence <= $0.through } ?? true
        if isSealed && isDerived { return }
        let batch = try JournalledSpans.decode(record.payload)
        if !isDerived { derived?.prepare(batch)(record.sequence, record.arrival) }
        if !isSealed {
            spans.admit(batch, sequence: record.sequence, arrival: record.arrival)
        }
    }

    private mutating func takeLogs(_ record: JournalRecord) throws {
        let isSealed = try isSealed(record, in: logs.partitions)
        let isDerived = derivedLogs.map { record.sequence <= $0.through } ?? true
        if isSealed && isDerived { return }
        let batch = try LogBatchCodec.decode(record.payload)
        if !isDerived { derivedLogs?.prepare(batch)(record.sequence, record.arrival) }
        if !isSealed { logs.admit(batch, sequence: record.sequence, arrival: record.arrival) }
    }

    /// To be called after the last record.
    func finish() throws(StoreError) {
        if let storeFailure { throw storeFailure }
        try metrics.finishReplay()
    }

    private mutating func isSealed(
        _ record: JournalRecord, in directory: PartitionDirectory
    ) throws(StoreError) -> Bool {
        let partition = directory.partition(for: UTCDay(containing: record.arrival))
        if let known = sealed[partition.path] { return record.sequence <= known }
        let through = try partition.sealedThrough()
        sealed[partition.path] = through
        return record.sequence <= through
    }
}
