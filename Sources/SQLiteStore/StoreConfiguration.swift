import Journal

/// Where the store lives and how much it may use. Every limit of the store stands here.
package struct StoreConfiguration: Sendable {
    /// The tenant's folder; `journal/`, `traces/`, `logs/`, `metrics/` and `catalog.db` lie in it.
    package var directory: String
    package var durability: Durability = .process
    /// How long each signal is kept, in nanoseconds.
    package var spanRetention: Int64 = 30 * StoreConfiguration.day
    package var logRetention: Int64 = 30 * StoreConfiguration.day
    package var metricRetention: Int64 = 30 * StoreConfiguration.day
    /// Summaries of samples that are kept beside them and, if their own retention is longer, after them.
    package var metricRollups: [MetricRollup] = []
    /// Bytes of blocks that are kept of spans and of logs; what came first goes first. `nil`: no bound.
    package var spanBytesMax: Int?
    package var logBytesMax: Int?
    /// Bytes of the files of samples that are kept: the oldest days go first, the one that goes on stays.
    /// Summaries do not count. `nil`: no bound.
    package var metricBytesMax: Int?
    /// Nothing is derived from spans any more: a store opened without derivation then drops the state of an
    /// earlier one instead of keeping the journal for it.
    package var forgetsDerivedState = false
    /// The same of what was derived from logs.
    package var forgetsDerivedLogState = false
    /// A head is sealed into blocks when it holds this much …
    package var headBytesMax = 48 << 20
    /// That of log records: queries look at its lines without columns, and a burst takes three such heads,
    /// full, being sealed and becoming blocks.
    package var logHeadBytesMax = 24 << 20
    package var logHeadBytesLimit = 4 * 24 << 20
    /// … or when its oldest batch is this old: bounds what a restart must replay.
    package var headAgeMax: Int64 = 60 * 1_000_000_000
    /// Heads and batches being sealed, per signal. Beyond it appends are refused as overloaded: four
    /// heads give the sealer, which is slower than a burst, time to catch up.
    package var headBytesLimit = 4 * 48 << 20
    /// Rows of a block: about 250 KiB of spans, the blob size at which SQLite reads fastest.
    package var blockRowsMax = 8_192
    /// Blocks smaller than a half-full one are merged when this many of a tier lie in a partition.
    package var mergeFanIn = 8
    /// Share of one core that merging may take on average.
    package var mergeShare = 0.25
    /// Blocks of samples that stay open for the next query, in memory: about what 60 million samples
    /// take.
    package var openBlockBytesMax = 64 << 20
    /// Series that ended stay in memory, about 250 bytes each, until they are most of more than this many.
    package var registeredSeriesMin = 50_000
    /// Series of a metric on one target (`job` and `instance`) that are kept apart; see
    /// `SeriesAllowance`. The largest exporters of whole clusters have some ten thousand.
    package var seriesPerTargetMax = 100_000
    /// Series of metric partitions whose labels are in memory, about 250 bytes each; the days longest
    /// not queried are let go beyond.
    package var loadedSeriesMax = 2_000_000
    /// Traces up to this many spans are read at once, about 10 MiB; larger ones piece by piece.
    package var wholeTraceSpansMax = 16_384
    /// Traces of all blocks that are kept in a directory for queries of whole traces, some 25 bytes each.
    /// With more such a query reads the ids of all blocks, and holds those of the blocks that it looks
    /// at.
    package var directoryTracesMax = 2_000_000
    /// Blocks of spans with decoded columns that are kept for the next query: some 80 of 8,192 rows.
    package var readerBytesMax = 48 << 20
    /// Columns of fields of log records that are kept for the next query: four of some two million
    /// records.
    package var logFieldBytesMax = 64 << 20
    /// More samples of the head than these are sorted by series before a query looks at them: it takes a
    /// millisecond, and looking at them one by one would cost every query a tenth of that.
    package var looseSamplesMax = 32_768
    /// Open database files per signal; more days are opened and closed as queries need them.
    package var openPartitionsMax = 16

    package static let day: Int64 = 86_400 * 1_000_000_000

    package init(directory: String) { self.directory = directory }
}
