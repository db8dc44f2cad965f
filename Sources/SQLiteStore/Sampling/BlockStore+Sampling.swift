import ColumnEncoding
import Platform
import Store
import Synchronization
import Telemetry

/// Tail sampling of stored traces. It runs on the thread that merges, within the same share of CPU, and
/// writes a block anew in one transaction, as a merge does: after a crash either the old block is there or
/// the new one.
extension BlockStore where Signal == SpanSignal {
    /// Blocks that are judged together: each other block is then looked at once for all of them.
    private static var blocksAtOnce: Int { 8 }
    /// Spans of one trace that are looked at, about 1 KB each; a trace of more stays.
    private static var traceSpansMax: Int { 50_000 }
    /// Traces put together at once.
    private static var tracesAtOnce: Int { 128 }

    /// Judges the traces of the next few blocks whose time has come; false if there are none.
    func thinTraces(at now: Timestamp) throws(StoreError) -> Bool {
        guard let policies = sampling.policies else { return false }
        let round = try withSnapshot { (snapshot) throws(StoreError) -> SamplingRound? in
            let due = Array(
                snapshot.blocks.lazy.filter { SamplingRound.isDue($0, policies, now) }
                    .prefix(Self.blocksAtOnce))
            guard !due.isEmpty else { return nil }
            return SamplingRound(
                policies: policies, now: now, due: due,
                scattered: try ScatteredTraces(of: due, in: snapshot, self),
                share: TrafficShare(snapshot.blocks))
        }
        guard let round else { return false }
        for block in round.due { try thin(block, round) }
        return true
    }

    private func thin(_ block: BlockInfo, _ round: SamplingRound) throws(StoreError) {
        guard let batch = try batch(of: block) else {
            // It is damaged, which was reported; it is not read again and again for this.
            return block.judgedBy.store(round.policies.fingerprint, ordering: .relaxed)
        }
        var judged = JudgedBlock(batch)
        let gathered = try gather(judged.traces.map(\.id), round)
        judged.judge(round, gathered, seconds: round.share.seconds(of: block))
        let fingerprint = judged.waitsUntil == nil ? round.policies.fingerprint : 0
        if judged.changesNothing {
            if let waitsUntil = judged.waitsUntil {
                block.judgeNotBefore.store(waitsUntil.nanoseconds, ordering: .relaxed)
            } else {
                var history = block.history
                history.judgedBy = fingerprint
                let noted = history
                try block.partition.write {
                    try BlockTable.setHistory(noted, of: block.id, $0)
                }
                block.judgedBy.store(fingerprint, ordering: .relaxed)
            }
        } else {
            try rewrite(block, judged, fingerprint)
        }
        judged.report(to: events)
    }

    private func rewrite(
        _ block: BlockInfo, _ judged: JudgedBlock, _ fingerprint: UInt64
    ) throws(StoreError) {
        let batch = judged.thinned()
        var blocks: [NewBlock] = []
        if !batch.isEmpty {
            var history = block.history
            history.isWeighted = history.isWeighted || batch.adjustedCounts() != nil
            history.judgedBy = fingerprint
            blocks = [
                NewBlock.make(
                    SpanSignal.self, batch, through: block.through, tier: block.tier,
                    effort: .compacted, history: history)
            ]
        }
        let written = blocks
        let ids = try block.partition.write { db in
            let ids = try written.map { try BlockTable.insert($0, db) }
            try BlockTable.supersede([block.id], db)
            return ids
        }
        let thinned = zip(ids, blocks).map { list($1, id: $0, partition: block.partition) }
        if let waitsUntil = judged.waitsUntil {
            for new in thinned {
                new.judgeNotBefore.store(waitsUntil.nanoseconds, ordering: .relaxed)
            }
        }
        replace([block], by: thinned)
        let freed = block.bytes - thinned.reduce(0) { $0 + $1.bytes }
        events.emit(BlocksThinned(increment: UInt64(max(0, freed))))
    }

    /// The traces that lie elsewhere too and have come to rest, over all their fragments.
    private func gather(
        _ ids: [TraceID], _ round: SamplingRound
    ) throws(StoreError) -> [TraceID: BoundedTrace] {
        let wanted = Set(ids).filter {
            round.scattered.arrivals[$0] != nil && round.waitsUntil($0) == nil
        }.sorted()
        var found: [TraceID: BoundedTrace] = [:]
        for first in stride(from: 0, to: wanted.count, by: Self.tracesAtOnce) {
            let some = Array(wanted[first..<min(first + Self.tracesAtOnce, wanted.count)])
            for (id, trace) in zip(some, try traces(some, spansEach: Self.traceSpansMax)) {
                found[id] = trace
            }
        }
        return found
    }
}

/// What the blocks that are judged together share.
struct SamplingRound: Sendable {
    let policies: any TraceSampling
    let now: Timestamp
    let due: [BlockInfo]
    let scattered: ScatteredTraces
    let share: TrafficShare

    /// A block's turn comes a little after that of its traces, so that those which go on in the next
    /// block have mostly come to rest too, and the block is written once.
    private static func slack(_ after: Int64) -> Int64 { min(after / 8, 600_000_000_000) }

    static func isDue(_ block: BlockInfo, _ policies: any TraceSampling, _ now: Timestamp) -> Bool {
        guard block.judgedBy.load(ordering: .relaxed) != policies.fingerprint,
            block.judgeNotBefore.load(ordering: .relaxed) <= now.nanoseconds
        else { return false }
        let turn = block.history.arrived.advanced(
            byNanoseconds: policies.after + slack(policies.after))
        return turn <= now
    }

    /// When a trace of the due blocks will have come to rest; `nil` if it has.
    func waitsUntil(_ id: TraceID) -> Timestamp? {
        guard let arrived = scattered.arrivals[id] else { return nil }
        let rest = arrived.advanced(byNanoseconds: policies.after)
        guard rest > now else { return nil }
        return rest.advanced(byNanoseconds: Self.slack(policies.after))
    }
}
