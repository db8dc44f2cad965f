import ColumnEncoding
import Platform
import Store
import Synchronization
import Telemetry

/// Head and blocks of one signal that is kept in row blocks.
///
/// A batch is in the head from the moment it is journalled until the transaction that writes its blocks
/// has committed; the swap happens under one lock, so that a snapshot has every row exactly once.
final class BlockStore<Signal: BlockSignal>: Sendable {
    typealias Batch = Signal.Batch

    private struct State {
        var head: [HeadBatch<Batch>] = []
        var headBytes = 0
        /// Being sealed: still answered from memory.
        var sealing: [HeadBatch<Batch>] = []
        var sealingBytes = 0
        /// By day, then in the order of writing.
        var blocks: [BlockInfo] = []
        var summaries = StringTable(capacity: 1_024)
        var sealedThrough: UInt64 = 0
        /// Blocks that a merged one replaces, with the generation in which they left `blocks`.
        var retired: [(generation: UInt64, block: BlockInfo)] = []
        var generation: UInt64 = 0
        /// Running snapshots by generation.
        var readers: [UInt64: Int] = [:]

        mutating func summaryIDs(_ entries: [[UInt8]]) -> [StringID] {
            var ids: [StringID] = []
            for entry in entries {
                if entry.isEmpty {
                    ids.append(BlockInfo.unnamed)
                } else if summaries.count < Signal.summariesMax {
                    ids.append(summaries.intern(bytes: entry))
                } else {
                    // Of a text that is none it finds nothing, and the block is read where it need not be.
                    let known = summaries.id(of: String(decoding: entry, as: UTF8.self))
                    ids.append(known ?? BlockInfo.unnamed)
                }
            }
            return Set(ids).sorted()
        }
    }

    /// What a query looks at: nothing in it changes or disappears while it is in use.
    struct Snapshot: Sendable {
        var head: [HeadBatch<Batch>]
        var blocks: [BlockInfo]
        var summaries: StringTable
        /// Changes with the list of blocks.
        fileprivate(set) var generation: UInt64
    }

    /// A snapshot that stays until it is let go of.
    final class HeldSnapshot: Sendable {
        let snapshot: Snapshot
        private let store: BlockStore

        fileprivate init(_ snapshot: Snapshot, of store: BlockStore) {
            self.snapshot = snapshot
            self.store = store
        }

        deinit { store.end(snapshot) }
    }

    let partitions: PartitionDirectory
    let readers: SpanBlockCache
    let directories: TraceDirectoryCache
    let fieldCache: LogFieldCache
    let wholeTraceSpansMax: Int
    let sampling = SamplingSwitch()
    private let bytesMax: Int?
    private let configuration: StoreConfiguration
    private let retention: Int64
    let events: EventLog
    private let state = Mutex(State())

    /// Opens the folder and reads the block lists of all days.
    init(
        configuration: StoreConfiguration, retention: Int64, bytesMax: Int? = nil,
        events: EventLog
    ) throws(StoreError) {
        self.configuration = configuration
        self.bytesMax = bytesMax
        self.retention = retention
        self.events = events
        readers = SpanBlockCache(bytesMax: configuration.readerBytesMax)
        directories = TraceDirectoryCache(tracesMax: configuration.directoryTracesMax)
        fieldCache = LogFieldCache(bytesMax: configuration.logFieldBytesMax)
        wholeTraceSpansMax = configuration.wholeTraceSpansMax
        partitions = try PartitionDirectory(
            directory: "\(configuration.directory)/\(Signal.name)", signal: Signal.name,
            schema: BlockTable.schema, configuration: configuration, events: events)
        for day in partitions.days {
            let partition = partitions.partition(for: day)
            do {
                try load(partition)
            } catch .damaged(let path, let reason) {
                try partitions.setAside(partition, path: path, reason: reason)
            }
        }
    }

    private func load(_ partition: Partition) throws(StoreError) {
        try partition.write { try BlockTable.deleteSuperseded($0) }
        let (rows, damaged) = try partition.read { try BlockTable.load($0) }
        for id in damaged {
            events.emit(
                StoreDamage(
                    kind: "block", path: "\(partition.path)#\(id)", reason: "unreadable header"))
        }
        state.withLock { state in
            for row in rows {
                let summary = state.summaryIDs(row.summary)
                state.blocks.append(
                    BlockInfo(
                        id: row.id, partition: partition, through: row.through, tier: row.tier,
                        rows: row.rows, bytes: row.bytes, bounds: row.bounds, filter: row.filter,
                        summary: summary, index: row.index,
                        history: row.history ?? Self.presumed(row, partition)))
            }
        }
    }

    // MARK: Head

    /// Whether `bytes` more would exceed the head's bound.
    func hasRoom(for bytes: Int) -> Bool {
        state.withLock { $0.headBytes + $0.sealingBytes + bytes <= configuration.headBytesLimit }
    }

    /// Takes a journalled batch. Called in sequence order.
    func admit(_ batch: Batch, sequence: UInt64, arrival: Timestamp) {
        guard Signal.count(batch) > 0 else { return }
        let entry = HeadBatch(
            sequence: sequence, arrival: arrival, batch: batch, bytes: Signal.memoryBytes(batch),
            bounds: Signal.timeBounds(batch))
        state.withLock { state in
            state.head.append(entry)
            state.headBytes += entry.bytes
        }
    }

    var headBytes: Int { state.withLock { $0.headBytes + $0.sealingBytes } }
    var blockCount: Int { state.withLock { $0.blocks.count } }
    func blockCount(where isWanted: (BlockInfo) -> Bool) -> Int {
        state.withLock(\.blocks).count(where: isWanted)
    }
    var storedBytes: Int { state.withLock { $0.blocks.reduce(0) { $0 + $1.bytes } } }

    /// Whether a head of this size or age should become blocks now.
    func needsSeal(at now: Timestamp) -> Bool {
        state.withLock { state in
            guard let oldest = state.head.first else { return false }
            return state.headBytes >= configuration.headBytesMax
                || now.nanoseconds(since: oldest.arrival) >= configuration.headAgeMax
        }
    }

    /// The lowest journal sequence that only memory holds, if any.
    var oldestUnsealed: UInt64? {
        state.withLock { ($0.sealing.first ?? $0.head.first)?.sequence }
    }

    // MARK: Sealing

    /// Writes the whole head into blocks. On failure everything stays in memory and is tried again.
    func seal() throws(StoreError) {
        let batches = state.withLock { state in
            if state.sealing.isEmpty {
                swap(&state.sealing, &state.head)
                swap(&state.sealingBytes, &state.headBytes)
            }
            return state.sealing
        }
        guard let last = batches.last else { return }
        let byDay = Dictionary(grouping: batches) { UTCDay(containing: $0.arrival) }
        var written: [BlockInfo] = []
        for day in byDay.keys.sorted() {
            let partition = partitions.partition(for: day)
            written += try write(byDay[day, default: []], to: partition)
        }
        let items = batches.reduce(0) { $0 + Signal.count($1.batch) }
        state.withLock { state in
            state.sealing = []
            state.sealingBytes = 0
            state.sealedThrough = last.sequence
            state.blocks += written
            state.generation += 1
        }
        events.emit(StoreSealed(signal: Signal.name, items: items))
    }

    /// A partition that already holds these batches (a seal that failed on a later day) is left alone.
    private func write(
        _ batches: [HeadBatch<Batch>], to partition: Partition
    ) throws(StoreError) -> [BlockInfo] {
        guard let last = batches.last else { return [] }
        let done = try partition.sealedThrough()
        let fresh = batches.filter { $0.sequence > done }
        guard !fresh.isEmpty else {
            return blocksNotYetListed(of: partition, try reload(partition))
        }
        let (blocks, replaced) = NewBlock.make(
            Signal.self, from: fresh.map(\.batch), rowsMax: configuration.blockRowsMax,
            through: last.sequence, tier: 0, effort: .sealed,
            history: BlockHistory(
                arrived: fresh.map(\.arrival).max() ?? last.arrival,
                items: Double(fresh.reduce(0) { $0 + Signal.count($1.batch) })))
        let ids = try partition.write { db in
            let ids = try blocks.map { try BlockTable.insert($0, db) }
            try Partition.setSealedThrough(last.sequence, db)
            return ids
        }
        noteReplaced(replaced)
        return zip(ids, blocks).map { list($1, id: $0, partition: partition) }
    }

    private func noteReplaced(_ count: Int) {
        if count > 0 { events.emit(ItemsReplaced(signal: Signal.name, items: count)) }
    }

    private func reload(_ partition: Partition) throws(StoreError) -> [BlockTable.Row] {
        try partition.read { try BlockTable.load($0).rows }
    }

    private func blocksNotYetListed(
        of partition: Partition, _ rows: [BlockTable.Row]
    ) -> [BlockInfo] {
        state.withLock { state in
            let known = Set(
                state.blocks.lazy.filter { $0.partition === partition }.map(\.id))
            return rows.filter { !known.contains($0.id) }.map { row in
                BlockInfo(
                    id: row.id, partition: partition, through: row.through, tier: row.tier,
                    rows: row.rows, bytes: row.bytes, bounds: row.bounds, filter: row.filter,
                    summary: state.summaryIDs(row.summary),
                    index: row.index, history: row.history ?? Self.presumed(row, partition))
            }
        }
    }

    func list(_ block: NewBlock, id: Int64, partition: Partition) -> BlockInfo {
        let summary = state.withLock { $0.summaryIDs(block.summary) }
        return BlockInfo(
            id: id, partition: partition, through: block.through, tier: block.tier,
            rows: block.rows, bytes: block.body.count, bounds: block.bounds, filter: block.filter,
            summary: summary, index: block.index, history: block.history)
    }

    /// The history of a block that was written without one.
    private static func presumed(_ row: BlockTable.Row, _ partition: Partition) -> BlockHistory {
        BlockHistory(arrived: partition.day.end, items: Double(row.rows))
    }

    // MARK: Reading

    /// Runs `body` on a view in which every acknowledged item is exactly once.
    func withSnapshot<T>(_ body: (Snapshot) throws(StoreError) -> T) throws(StoreError) -> T {
        let snapshot = begin()
        defer { end(snapshot) }
        return try body(snapshot)
    }

    /// The same for a reading that goes on for a while.
    func holdSnapshot() -> HeldSnapshot { HeldSnapshot(begin(), of: self) }

    private func begin() -> Snapshot {
        state.withLock { state in
            state.readers[state.generation, default: 0] += 1
            return Snapshot(
                head: state.sealing + state.head, blocks: state.blocks,
                summaries: state.summaries, generation: state.generation)
        }
    }

    private func end(_ snapshot: Snapshot) {
        state.withLock { state in
            let running = state.readers[snapshot.generation, default: 1] - 1
            state.readers[snapshot.generation] = running == 0 ? nil : running
        }
    }

    /// The decoded block, or `nil` (counted and logged) if it is damaged.
    func batch(of block: BlockInfo) throws(StoreError) -> Batch? {
        try withBody(of: block) { bytes throws(ColumnDecodeError) in try Signal.decode(bytes) }
    }

    /// Reads the body of a block; `nil` (counted and logged) if it is missing or damaged.
    func withBody<T>(
        of block: BlockInfo,
        _ body: (UnsafeRawBufferPointer) throws(ColumnDecodeError) -> T
    ) throws(StoreError) -> T? {
        do {
            return try block.partition.read { db in
                guard let result = try BlockTable.withBody(block.id, db, body) else {
                    throw StoreError.damaged(
                        path: "\(block.partition.path)#\(block.id)", reason: "block is missing")
                }
                return result
            }
        } catch .damaged(let path, let reason) {
            events.emit(StoreDamage(kind: "block", path: path, reason: reason))
            return nil
        }
    }

    func reportDamage(of block: BlockInfo, _ reason: String) {
        events.emit(
            StoreDamage(
                kind: "block", path: "\(block.partition.path)#\(block.id)", reason: reason))
    }

    // MARK: Merging and retention

    /// Merges the smallest blocks of a day if enough of a tier have gathered. Returns whether it did.
    func mergeStep() throws(StoreError) -> Bool {
        try deleteRetired()
        guard let group = mergeCandidates() else { return false }
        var batches: [Batch] = []
        var sources: [BlockInfo] = []
        for block in group {
            guard let batch = try batch(of: block) else { continue }
            batches.append(batch)
            sources.append(block)
        }
        guard sources.count > 1, let tier = sources.map(\.tier).max(),
            let through = sources.map(\.through).max()
        else { return false }
        let (blocks, replaced) = NewBlock.make(
            Signal.self, from: batches, rowsMax: configuration.blockRowsMax, through: through,
            tier: tier + 1, effort: .compacted, history: BlockHistory(merging: sources))
        let partition = sources[0].partition
        let ids = try partition.write { db in
            let ids = try blocks.map { try BlockTable.insert($0, db) }
            try BlockTable.supersede(sources.map(\.id), db)
            return ids
        }
        replace(sources, by: zip(ids, blocks).map { list($1, id: $0, partition: partition) })
        noteReplaced(replaced)
        events.emit(StoreMerged(signal: Signal.name, blocks: sources.count))
        return true
    }

    /// Puts blocks in the place of others, which the file says are superseded.
    func replace(_ sources: [BlockInfo], by blocks: [BlockInfo]) {
        let replaced = Set(sources.map(ObjectIdentifier.init))
        state.withLock { state in
            let place = state.blocks.firstIndex { replaced.contains(ObjectIdentifier($0)) }
            state.blocks.removeAll { replaced.contains(ObjectIdentifier($0)) }
            state.blocks.insert(contentsOf: blocks, at: place ?? state.blocks.endIndex)
            state.retired += sources.map { (generation: state.generation, block: $0) }
            state.generation += 1
        }
    }

    /// Neighbouring blocks of one day and tier, each less than half full, when `mergeFanIn` of them have
    /// gathered. Neighbours only, so that the order of writing stays known.
    private func mergeCandidates() -> [BlockInfo]? {
        let blocks = state.withLock { $0.blocks }
        var run: [BlockInfo] = []
        for block in blocks {
            let isSmall = block.rows * 2 < configuration.blockRowsMax
            if let first = run.first,
                !isSmall || first.tier != block.tier || first.partition !== block.partition
            {
                if run.count >= configuration.mergeFanIn { return run }
                run = []
            }
            if isSmall { run.append(block) }
            if run.count >= configuration.mergeFanIn * 4 { return run }
        }
        return run.count >= configuration.mergeFanIn ? run : nil
    }

    /// Deletes merged blocks that no running query can still want.
    private func deleteRetired() throws(StoreError) {
        let free = state.withLock { state in
            let oldestReader = state.readers.keys.min() ?? .max
            let free = state.retired.filter { $0.generation < oldestReader }.map(\.block)
            state.retired.removeAll { $0.generation < oldestReader }
            return free
        }
        for (path, blocks) in Dictionary(grouping: free, by: \.partition.path) {
            _ = path
            try blocks[0].partition.write { try BlockTable.delete(blocks.map(\.id), $0) }
        }
    }

    /// Drops the days whose retention has ended.
    func expire(at now: Timestamp) throws(StoreError) {
        try dropDays(
            endedBefore: UTCDay(containing: now.advanced(byNanoseconds: -retention)))
        try expireBytes(at: now)
    }

    private func dropDays(endedBefore horizon: UTCDay) throws(StoreError) {
        let days = Set(try partitions.removeDays(endedBefore: horizon))
        guard !days.isEmpty else { return }
        state.withLock { state in
            state.blocks.removeAll { days.contains($0.partition.day) }
            state.retired.removeAll { days.contains($0.block.partition.day) }
            state.generation += 1
        }
    }

    /// Drops what came first, as much as exceeds the bound on bytes. Days that are then empty and have
    /// ended lose their files; within a file the room is used again.
    private func expireBytes(at now: Timestamp) throws(StoreError) {
        guard let bytesMax else { return }
        let surplus = state.withLock { state -> [BlockInfo] in
            var total = state.blocks.reduce(0) { $0 + $1.bytes }
            return Array(
                state.blocks.prefix { block in
                    guard total > bytesMax else { return false }
                    total -= block.bytes
                    return true
                })
        }
        guard !surplus.isEmpty else { return }
        for blocks in Dictionary(grouping: surplus, by: { ObjectIdentifier($0.partition) }).values {
            try blocks[0].partition.write { try BlockTable.supersede(blocks.map(\.id), $0) }
        }
        replace(surplus, by: [])
        events.emit(StoreBytesExceeded(signal: Signal.name, blocks: surplus.count))
        let today = UTCDay(containing: now)
        let kept = state.withLock { $0.blocks.first?.partition.day }
        try dropDays(endedBefore: min(kept ?? today, today))
    }

    func close() throws(StoreError) {
        try partitions.close()
    }
}
