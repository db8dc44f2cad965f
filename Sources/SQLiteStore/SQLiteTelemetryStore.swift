import ColumnEncoding
import Journal
import Platform
import Store
import Synchronization
import Telemetry

/// The embedded store: one journal for all signals, and per signal a head in memory and a file a day.
///
/// An append is encoded on the caller's thread, journalled in a group with others, admitted to the head
/// in journal order, and then acknowledged. What is in the head reaches the files later; a crash
/// replays the journal into the head, leaving out what a file says it holds.
package final class SQLiteTelemetryStore: Sendable {
    package let catalog: CatalogFile
    let spans: BlockStore<SpanSignal>
    let logs: BlockStore<LogSignal>
    let metrics: MetricEngine
    private let journal: Journal
    private let committer: GroupCommitter
    private let release: JournalRelease
    private let digests: DigestGate
    let derived: DerivedState<SpanBatch>?
    let derivedLogs: DerivedState<LogBatch>?
    private let maintenance: Maintenance
    private let lock: FolderLock
    private let alarm: WriteAlarm
    let clock: any Clock
    let directory: String
    private let events: EventLog

    /// What opening found: how much was replayed and what was damaged.
    package let replay: ReplayReport

    /// Opens or creates the store in `configuration.directory`, replays the journal and starts the
    /// background work.
    /// - Parameters:
    ///   - derivation: is shown every stored batch of spans once.
    ///   - logDerivation: every stored batch of log records.
    package init(
        configuration: StoreConfiguration, fileSystem: any FileSystem = PosixFileSystem(),
        clock: any Clock = SystemClock(), events: EventLog,
        derivation: (any SpanDerivation)? = nil, logDerivation: (any LogDerivation)? = nil
    ) throws(StoreError) {
        self.clock = clock
        self.events = events
        let directory = configuration.directory
        self.directory = directory
        do {
            try fileSystem.createDirectory(directory)
        } catch {
            throw .writeFailed(path: directory, reason: error.description)
        }
        do {
            lock = try FolderLock(directory: directory)
        } catch {
            throw .writeFailed(path: directory, reason: error.description)
        }
        catalog = try CatalogFile.opening("\(directory)/catalog.db", events: events)
        alarm = WriteAlarm(path: "\(directory)/journal", clock: clock, events: events)
        let spans = try BlockStore<SpanSignal>(
            configuration: configuration, retention: configuration.spanRetention,
            bytesMax: configuration.spanBytesMax, events: events)
        var logConfiguration = configuration
        logConfiguration.headBytesMax = min(
            configuration.headBytesMax, configuration.logHeadBytesMax)
        logConfiguration.headBytesLimit = min(
            configuration.headBytesLimit, configuration.logHeadBytesLimit)
        let logs = try BlockStore<LogSignal>(
            configuration: logConfiguration, retention: configuration.logRetention,
            bytesMax: configuration.logBytesMax, events: events)
        let metrics = try MetricEngine(configuration: configuration, events: events)
        self.spans = spans
        self.logs = logs
        self.metrics = metrics
        let digests = DigestGate(clock: clock)
        self.digests = digests
        let (derived, derivedThrough) = try SQLiteTelemetryStore.derivedState(
            derivation.map { Derivation($0) }, .spans,
            isForgotten: configuration.forgetsDerivedState,
            catalog: catalog, clock: clock, events: events)
        self.derived = derived
        let (derivedLogs, derivedLogsThrough) = try SQLiteTelemetryStore.derivedState(
            logDerivation.map { Derivation($0) }, .logs,
            isForgotten: configuration.forgetsDerivedLogState, catalog: catalog, clock: clock,
            events: events)
        self.derivedLogs = derivedLogs
        var replayer = JournalReplayer(
            spans: spans, logs: logs, metrics: metrics, digests: digests, derived: derived,
            derivedLogs: derivedLogs, derivedThrough: [derivedThrough, derivedLogsThrough])
        do {
            (journal, replay) = try Journal.open(
                directory: "\(directory)/journal", fileSystem: fileSystem,
                durability: configuration.durability, clock: clock,
                sealedThrough: try replayer.sealedThrough(),
                replay: { replayer.take($0) })
        } catch {
            throw StoreError(error, path: "\(directory)/journal")
        }
        try replayer.finish()
        for damage in replay.damage {
            events.emit(
                StoreDamage(kind: "journal", path: damage.path, reason: damage.description))
        }
        for failure in replayer.failures {
            events.emit(StoreDamage(kind: "journal", path: directory, reason: failure))
        }
        let committer = GroupCommitter(journal: journal)
        self.committer = committer
        release = JournalRelease(
            journal: journal, digests: digests, derived: derived, derivedLogs: derivedLogs,
            clock: clock, events: events,
            unsealed: { [derived, derivedLogs] in
                [
                    spans.oldestUnsealed, logs.oldestUnsealed, metrics.oldestUnsealed,
                    derived.map(\.oldestUnsaved) ?? derivedThrough.map { $0 + 1 },
                    derivedLogs.map(\.oldestUnsaved) ?? derivedLogsThrough.map { $0 + 1 },
                ]
            })
        let release = release
        maintenance = Maintenance(
            signals: [spans, logs, metrics], clock: clock, events: events,
            mergeShare: configuration.mergeShare, didSeal: { release.run(through: committer) })
        maintenance.start()
    }

    /// The derived state, and how far a checkpoint of it reaches. A program that derives nothing keeps the
    /// checkpoint, and in the journal what lies beyond, for one that does.
    private static func derivedState<Batch>(
        _ derivation: Derivation<Batch>?, _ place: DerivedStatePlace, isForgotten: Bool,
        catalog: CatalogFile, clock: any Clock, events: EventLog
    ) throws(StoreError) -> (state: DerivedState<Batch>?, through: UInt64?) {
        if let derivation {
            let state = try DerivedState(
                derivation, catalog: catalog, clock: clock, events: events)
            return (state, state.through)
        }
        if isForgotten { try catalog.deleteDerivedState(place) }
        return (nil, try catalog.derivedState(place)?.through)
    }

    /// Takes nothing more, seals everything and closes all files.
    package func close() throws(StoreError) {
        maintenance.stop()
        try seal()
        try derived?.save(isLast: true)
        try derivedLogs?.save(isLast: true)
        release.run(through: committer)
        committer.close()
        do {
            try journal.close()
        } catch {
            throw StoreError(error, path: journal.directory)
        }
        try spans.close()
        try logs.close()
        try metrics.close()
        try catalog.close()
        lock.release()
    }

    /// Writes all heads into files now.
    package func seal() throws(StoreError) {
        try spans.seal()
        try logs.seal()
        try metrics.seal()
    }

    /// Puts together, sums up and deletes what is due among the metrics, now instead of in the background.
    package func maintainMetrics() throws(StoreError) {
        try metrics.expire(at: Timestamp(nanoseconds: clock.wallNanoseconds))
        while try metrics.mergeStep() {}
    }

    // MARK: Appending

    /// The way of every append: retry check, room check, journal, head, acknowledgement.
    /// - Parameter prepare: runs unless the batch is a retry.
    func append(
        kind: RecordKind, digest: ContentHash?, hasRoom: Bool, prepare: () -> JournalledBatch,
        completion: @escaping AppendCompletion
    ) {
        guard hasRoom else {
            maintenance.requestSeal()
            return completion(.failure(.overloaded(retryAfterMilliseconds: 1_000)))
        }
        if let digest, !digests.enter(digest, completion) { return }
        let digests = digests
        let settle: AppendCompletion = { result in
            completion(result)
            if let digest { digests.leave(digest, result) }
        }
        let arrival = Timestamp(nanoseconds: clock.wallNanoseconds)
        let batch = prepare()
        let entry = JournalEntry(
            kind: kind, arrival: arrival, digest: digest, parts: [batch.payload])
        let admit = batch.admit
        let path = journal.directory
        committer.submit(
            entry, onDurable: { sequence in admit(sequence, arrival) },
            completion: { [alarm] result in
                let result = result.mapError { StoreError($0, path: path) }
                alarm.note(result)
                settle(result.map { _ in .stored })
            })
    }

    func sealSoon() { maintenance.requestSeal() }
}

/// A batch on its way into the journal.
struct JournalledBatch {
    var payload: [UInt8]
    /// Called in the order of the journal once the batch is durable.
    var admit: @Sendable (_ sequence: UInt64, _ arrival: Timestamp) -> Void
}
