import LogQL
import QueryCore
import Store
import Telemetry

extension EvidenceCollector {
    /// The newest lines that an alert counts, and the traces that these name where nothing else did.
    func noteLines(
        _ query: LogQuery, at now: Timestamp, _ evidence: inout AlertEvidence,
        _ context: QueryContext
    ) throws(QueryError) {
        var entries: [LogEntry] = []
        for lookback in Self.lookbacks where entries.isEmpty {
            entries = try LogQLEngine(store: logs).streams(
                query, start: now.advanced(byNanoseconds: -lookback),
                end: now.advanced(byNanoseconds: 1), limit: Self.linesMax, context: context
            ).flatMap(\.entries)
        }
        entries.sort { $0.time > $1.time }
        entries = Array(entries.prefix(Self.linesMax))
        evidence.lines = entries.map { Self.cut(String(decoding: $0.line, as: UTF8.self)) }
        guard evidence.exemplars.isEmpty else { return }
        evidence.exemplars = try exemplars(of: entries, context)
    }

    private func exemplars(
        of entries: [LogEntry], _ context: QueryContext
    ) throws(QueryError) -> [AlertEvidence.Exemplar] {
        var seen: Set<TraceID> = []
        let named = entries.filter { $0.traceID != .invalid && seen.insert($0.traceID).inserted }
        guard !named.isEmpty else { return [] }
        try context.check()
        let traces = try read { () throws(StoreError) in
            try spans.traces(named.map(\.traceID), spansEach: Self.spansEach)
        }
        return zip(named, traces).compactMap { entry, trace in
            let batch = trace.spans
            guard batch.count > 0 else { return nil }
            let row = (0..<batch.count).first { batch.spanIDs[$0] == entry.spanID } ?? 0
            return AlertEvidence.Exemplar(
                traceID: entry.traceID, spanID: batch.spanIDs[row],
                service: batch.serviceNames()[Int(batch.resourceIndices[row])],
                name: batch.strings[batch.names[row]], start: batch.starts[row],
                duration: batch.durations[row])
        }
    }
}
