import ColumnEncoding
import Synchronization
import Telemetry

/// What a signal kept in row blocks (spans, logs) brings along: its codec, its order on disk and what
/// is remembered of each block so that queries can skip it.
protocol BlockSignal: Sendable {
    associatedtype Batch: Sendable

    /// Name of the folder and in events.
    static var name: String { get }
    static func count(_ batch: Batch) -> Int
    /// Roughly what the batch takes in memory.
    static func memoryBytes(_ batch: Batch) -> Int
    /// The first and last time that queries ask by; the batch is not empty.
    static func timeBounds(_ batch: Batch) -> ClosedRange<Timestamp>
    static func encode(_ batch: Batch, effort: EncodingEffort) -> [UInt8]
    static func decode(_ bytes: UnsafeRawBufferPointer) throws(ColumnDecodeError) -> Batch
    /// Hands the rows of `batches` to `body` in the order of the disk, cut into batches of at most about
    /// `rowsMax` rows, one after the other; duplicates collapsed as the signal defines.
    /// - Returns: how many rows gave way to others of the same identity that say something else.
    @discardableResult
    static func arrange(_ batches: [Batch], rowsMax: Int, _ body: (Batch) -> Void) -> Int
    /// Keys for the block's membership filter (trace ids).
    static func filterKeys(_ batch: Batch) -> [UInt64]
    /// Distinct short descriptions of what is in the batch (service and operation; stream labels): kept
    /// in memory for every block. An empty one says that there are more.
    static func summary(_ batch: Batch) -> [[UInt8]]
    /// What else is kept in memory of a block so that queries can skip it.
    static func index(_ batch: Batch) -> SpanBlockIndex?
    /// Distinct descriptions of all blocks that are remembered; further ones are `BlockInfo.unnamed`.
    static var summariesMax: Int { get }
}

extension BlockSignal {
    static func index(_ batch: Batch) -> SpanBlockIndex? { nil }
    static var summariesMax: Int { .max }
}

/// One journalled batch that no block holds yet.
///
/// An object, so that a query that looks at thousands of them copies a reference each and not fifty columns.
final class HeadBatch<Batch: Sendable>: Sendable {
    let sequence: UInt64
    let arrival: Timestamp
    let batch: Batch
    let bytes: Int
    let bounds: ClosedRange<Timestamp>
    /// Tells it from other batches while anybody knows it. A cache that keeps this does not keep the rows.
    let identity = HeadIdentity()

    init(
        sequence: UInt64, arrival: Timestamp, batch: Batch, bytes: Int,
        bounds: ClosedRange<Timestamp>
    ) {
        self.sequence = sequence
        self.arrival = arrival
        self.batch = batch
        self.bytes = bytes
        self.bounds = bounds
    }
}

/// Nothing but an address of its own.
final class HeadIdentity: Sendable {}

/// What is remembered of a block in memory. The body stays on disk.
final class BlockInfo: Sendable {
    let id: Int64
    let partition: Partition
    /// The journal sequence through which the block reaches: of equal spans the later written counts.
    let through: UInt64
    let tier: Int
    let rows: Int
    let bytes: Int
    let bounds: ClosedRange<Timestamp>
    let filter: FuseFilter
    /// Ids in the store's summary table, ascending; `unnamed` among them says that there is more.
    let summary: [StringID]
    /// Stands for descriptions beyond the bounds on what is remembered: such a block may hold anything.
    static let unnamed: StringID = 0
    /// Of a block of spans written with one.
    let index: SpanBlockIndex?
    let history: BlockHistory
    /// The policies by which its traces were judged last (`TraceSampling.fingerprint`); 0: by none.
    let judgedBy: Atomic<UInt64>
    /// Nanoseconds since the epoch before which judging its traces again would be in vain.
    let judgeNotBefore = Atomic<Int64>(.min)
    /// Whether the checksum of the body has been found right since the program started.
    let isVerified = Atomic(false)

    init(
        id: Int64, partition: Partition, through: UInt64, tier: Int, rows: Int, bytes: Int,
        bounds: ClosedRange<Timestamp>, filter: FuseFilter, summary: [StringID],
        index: SpanBlockIndex? = nil, history: BlockHistory
    ) {
        self.id = id
        self.partition = partition
        self.through = through
        self.tier = tier
        self.rows = rows
        self.bytes = bytes
        self.bounds = bounds
        self.filter = filter
        self.summary = summary
        self.index = index
        self.history = history
        judgedBy = Atomic(history.judgedBy)
    }
}

/// What the rows of a block have been through.
struct BlockHistory: Sendable, Hashable {
    /// When the last of them came.
    var arrived: Timestamp
    /// How many there were before any were thinned out.
    var items: Double
    /// Whether some stand for several, see `SpanBatch.adjustedCountKey`.
    var isWeighted = false
    /// See `BlockInfo.judgedBy`.
    var judgedBy: UInt64 = 0

    /// Of a block made of several.
    init(merging blocks: [BlockInfo]) {
        arrived = blocks.map(\.history.arrived).max() ?? .distantPast
        items = blocks.reduce(0) { $0 + $1.history.items }
        isWeighted = blocks.contains(where: \.history.isWeighted)
        let judges = Set(blocks.map { $0.judgedBy.load(ordering: .relaxed) })
        judgedBy = judges.count == 1 ? judges.first ?? 0 : 0
    }

    init(arrived: Timestamp, items: Double) {
        self.arrived = arrived
        self.items = items
    }
}

/// A block on its way to disk.
struct NewBlock: Sendable {
    var through: UInt64
    var tier: Int
    var rows: Int
    var bounds: ClosedRange<Timestamp>
    var filter: FuseFilter
    var summary: [[UInt8]]
    var index: SpanBlockIndex?
    var history: BlockHistory
    var body: [UInt8]
}

extension NewBlock {
    /// The rows of `batches` as blocks, and how many rows gave way to others of the same identity that say
    /// something else. Only one block's rows are in memory twice at a time.
    static func make<Signal: BlockSignal>(
        _ signal: Signal.Type, from batches: [Signal.Batch], rowsMax: Int, through: UInt64,
        tier: Int, effort: EncodingEffort, history: BlockHistory
    ) -> (blocks: [NewBlock], replaced: Int) {
        var blocks: [NewBlock] = []
        let replaced = Signal.arrange(batches, rowsMax: rowsMax) { batch in
            blocks.append(
                make(
                    Signal.self, batch, through: through, tier: tier, effort: effort,
                    history: history))
        }
        // Each has its part of what went before.
        let rows = blocks.reduce(0) { $0 + $1.rows }
        for index in blocks.indices {
            blocks[index].history.items *= Double(blocks[index].rows) / Double(rows)
        }
        return (blocks, replaced)
    }

    static func make<Signal: BlockSignal>(
        _ signal: Signal.Type, _ batch: Signal.Batch, through: UInt64, tier: Int,
        effort: EncodingEffort, history: BlockHistory
    ) -> NewBlock {
        NewBlock(
            through: through, tier: tier, rows: Signal.count(batch),
            bounds: Signal.timeBounds(batch),
            filter: FuseFilter(Signal.filterKeys(batch)), summary: Signal.summary(batch),
            index: Signal.index(batch), history: history,
            body: Signal.encode(batch, effort: effort))
    }
}
