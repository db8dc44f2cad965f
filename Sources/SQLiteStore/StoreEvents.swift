import Logging
import Platform
import Store

/// A database file or a block in it could not be used.
struct StoreDamage: InternalEvent {
    static let counter = "sidelight_store_damage_total"
    static let help = "Damaged files and blocks found; they are kept aside and reported."
    /// `partition`, `block`, `journal`.
    var kind: String
    var path: String
    var reason: String

    var labels: [(name: String, value: String)] { [(name: "kind", value: kind)] }
    var level: Logger.Level? { .error }
    var message: String { "damaged \(kind) \(path): \(reason)" }
}

/// A head became blocks of a partition.
struct StoreSealed: InternalEvent {
    static let counter = "sidelight_store_sealed_items_total"
    static let help = "Items moved from the head into database files."
    var signal: String
    var items: Int

    var labels: [(name: String, value: String)] { [(name: "signal", value: signal)] }
    var increment: UInt64 { UInt64(items) }
}

/// Items of one identity said different things, and one of them stands for all: spans with equal trace, span id
/// and kind. Counted once each, when they come to lie in one block.
struct ItemsReplaced: InternalEvent {
    static let counter = "sidelight_store_replaced_items_total"
    static let help =
        "Spans replaced by another one of the same trace, span id and kind that says something else."
    var signal: String
    var items: Int

    var labels: [(name: String, value: String)] { [(name: "signal", value: signal)] }
    var increment: UInt64 { UInt64(items) }
}

/// Small blocks became larger ones.
struct StoreMerged: InternalEvent {
    static let counter = "sidelight_store_merged_blocks_total"
    static let help = "Blocks that went into merged ones."
    var signal: String
    var blocks: Int

    var labels: [(name: String, value: String)] { [(name: "signal", value: signal)] }
    var increment: UInt64 { UInt64(blocks) }
}

/// A background step failed; it is tried again.
struct StoreMaintenanceFailed: InternalEvent {
    static let counter = "sidelight_store_maintenance_failures_total"
    static let help = "Seals, merges and retention steps that failed and will be retried."
    var signal: String
    var step: String
    var reason: String

    var labels: [(name: String, value: String)] {
        [(name: "signal", value: signal), (name: "step", value: step)]
    }
    var level: Logger.Level? { .error }
    var message: String { "\(step) of \(signal) failed, will retry: \(reason)" }
}

/// A day left the store because its retention ended.
struct StoreExpired: InternalEvent {
    static let counter = "sidelight_store_expired_partitions_total"
    static let help = "Days deleted because their retention ended."
    var signal: String
    var path: String

    var labels: [(name: String, value: String)] { [(name: "signal", value: signal)] }
    var level: Logger.Level? { .info }
    var message: String { "retention: deleted \(path)" }
}

/// Samples of series beyond what their metric may have on its target became part of another series.
struct SeriesFolded: InternalEvent {
    static let counter = "sidelight_store_folded_samples_total"
    static let help =
        "Samples of series beyond the bound on series of a metric and target, added up as __overflow__."
    var increment: UInt64
}

/// A metric has as many series on a target as are kept apart.
struct SeriesBoundReached: InternalEvent {
    static let counter = "sidelight_store_series_bounds_reached_total"
    static let help = "Metrics that reached the bound on their series on a target."
    private let overflow: SeriesOverflow

    init(_ overflow: SeriesOverflow) { self.overflow = overflow }

    var level: Logger.Level? { .warning }
    var message: String {
        "\(overflow.metric) of job \"\(overflow.job)\", instance \"\(overflow.instance)\" has more"
            + " than \(overflow.seriesMax) series: further ones are added up as"
            + " \(SeriesAllowance.label)=\"true\""
    }
}

/// Blocks left the store because of the bound on bytes.
struct StoreBytesExceeded: InternalEvent {
    static let counter = "sidelight_store_expired_blocks_total"
    static let help = "Blocks deleted because a signal exceeded its bound on bytes."
    var signal: String
    var blocks: Int

    var labels: [(name: String, value: String)] { [(name: "signal", value: signal)] }
    var increment: UInt64 { UInt64(blocks) }
    var level: Logger.Level? { .info }
    var message: String { "bound on bytes: deleted the \(blocks) oldest blocks of \(signal)" }
}

/// Traces were judged by the policies of sampling.
struct TracesJudged: InternalEvent {
    static let counter = "sidelight_sampling_traces_total"
    static let help = "Traces judged, by the policy that decided; what came late is judged again."
    /// As the operator's file names it.
    var policy: String
    var isKept: Bool
    var traces: Int

    var labels: [(name: String, value: String)] {
        [(name: "policy", value: policy), (name: "decision", value: isKept ? "kept" : "dropped")]
    }
    var increment: UInt64 { UInt64(traces) }
}

/// The same, by their spans.
struct SpansJudged: InternalEvent {
    static let counter = "sidelight_sampling_spans_total"
    static let help = "Spans of judged traces, by the policy that decided."
    var policy: String
    var isKept: Bool
    var spans: Int

    var labels: [(name: String, value: String)] {
        [(name: "policy", value: policy), (name: "decision", value: isKept ? "kept" : "dropped")]
    }
    var increment: UInt64 { UInt64(spans) }
}

/// Blocks took less room when their traces were thinned.
struct BlocksThinned: InternalEvent {
    static let counter = "sidelight_sampling_freed_bytes_total"
    static let help = "Bytes of blocks that sampling freed."
    var increment: UInt64
}
