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
    private let maintenance: Maintenance
    private let lock: FolderLock
    private let alarm: WriteAlarm
    private let clock: any Clock
    private let events: EventLog

    /// What opening found: how much was replayed and what was damaged.
    package let replay: ReplayReport

    /// Opens or creates the store in `configuration.directory`, replays the journal and starts the
    /// background work.
    package init(
        configuration: StoreConfiguration, fileSystem: any FileSystem = PosixFileSystem(),
        clock: any Clock = SystemClock(), events: EventLog
    ) throws(StoreError) {
        self.clock = clock
        self.events = events
        let directory = configuration.directory
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
            configuration: configuration, retention: configuration.spanRetention, events: events)
        var logConfiguration = configuration
        logConfiguration.headBytesMax = min(
            configuration.headBytesMax, configuration.logHeadBytesMax)
        logConfiguration.headBytesLimit = min(
            configuration.headBytesLimit, configuration.logHeadBytesLimit)
        let logs = try BlockStore<LogSignal>(
            configuration: logConfiguration, retention: configuration.logRetention, events: events)
        let metrics = try MetricEngine(configuration: configuration, events: events)
        self.spans = spans
        self.logs = logs
        self.metrics = metrics
        let digests = DigestGate(clock: clock)
        self.digests = digests
        var replayer = JournalReplayer(spans: spans, logs: logs, metrics: metrics, digests: digests)
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
            journal: journal, digests: digests, clock: clock, events: events,
            unsealed: { [spans.oldestUnsealed, logs.oldestUnsealed, metrics.oldestUnsealed] })
        let release = release
        maintenance = Maintenance(
            signals: [spans, logs, metrics], clock: clock, events: events,
            mergeShare: configuration.mergeShare, didSeal: { release.run(through: committer) })
        maintenance.start()
    }

    /// Takes nothing more, seals everything and closes all files.
    package func close() throws(StoreError) {
        maintenance.stop()
        try seal()
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

    // MARK: Appending

    /// The way of every append: retry check, room check, journal, head, acknowledgement.
    func append(
        kind: RecordKind, digest: ContentHash?, hasRoom: Bool, payload: () -> [UInt8],
        admit: @escaping @Sendable (_ sequence: UInt64, _ arrival: Timestamp) -> Void,
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
        let entry = JournalEntry(
            kind: kind, arrival: arrival, digest: digest, parts: [payload()])
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
