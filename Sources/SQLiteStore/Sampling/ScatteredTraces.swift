import ColumnEncoding
import Store
import Telemetry

/// Which traces of a few blocks have spans elsewhere, and when the last of those came.
struct ScatteredTraces: Sendable {
    /// A fragment counts if its day of arrival is at most so many days from the block's: looking further
    /// would have every block read for every other.
    private static let reachDays: Int64 = 1

    private(set) var arrivals: [TraceID: Timestamp] = [:]

    init(
        of due: [BlockInfo], in snapshot: BlockStore<SpanSignal>.Snapshot,
        _ store: BlockStore<SpanSignal>
    ) throws(StoreError) {
        let places = Set(due.map(ObjectIdentifier.init))
        var homes: [TraceID: (blocks: Int, arrived: Timestamp)] = [:]
        for block in due {
            let ids = try store.withReader(of: block) { (reader) throws(ColumnDecodeError) in
                try reader.traceIDs()
            }
            for id in ids ?? [] {
                let known = homes[id]
                homes[id] = (
                    (known?.blocks ?? 0) + 1,
                    max(known?.arrived ?? .distantPast, block.history.arrived)
                )
            }
        }
        for (id, home) in homes where home.blocks > 1 { arrivals[id] = home.arrived }
        let keys = homes.keys.map { (id: $0, key: SpanSignal.filterKey($0)) }
        let days = due.map(\.partition.day.number)
        guard let first = days.min(), let last = days.max() else { return }
        for block in snapshot.blocks where !places.contains(ObjectIdentifier(block)) {
            let day = block.partition.day.number
            guard day >= first - Self.reachDays, day <= last + Self.reachDays else { continue }
            try add(keys, of: block, store)
        }
        for head in snapshot.head {
            for id in head.batch.traceIDs where homes[id] != nil { note(id, head.arrival) }
        }
    }

    private mutating func add(
        _ keys: [(id: TraceID, key: UInt64)], of block: BlockInfo,
        _ store: BlockStore<SpanSignal>
    ) throws(StoreError) {
        let possible = keys.filter { block.filter.contains($0.key) }.map(\.id)
        guard !possible.isEmpty else { return }
        let wanted = Set(possible)
        let found = try store.withReader(of: block) { (reader) throws(ColumnDecodeError) in
            try reader.traceIDs().filter(wanted.contains)
        }
        for id in found ?? [] { note(id, block.history.arrived) }
    }

    private mutating func note(_ id: TraceID, _ arrived: Timestamp) {
        arrivals[id] = max(arrivals[id] ?? .distantPast, arrived)
    }
}
