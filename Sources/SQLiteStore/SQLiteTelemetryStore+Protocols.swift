import ColumnEncoding
import Journal
import Store
import Telemetry

extension SQLiteTelemetryStore: SpanStore {
    package func append(
        spans batch: SpanBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        if batch.isEmpty { return completion(.success(.stored)) }
        let spans = spans
        append(
            kind: .spans, digest: digest,
            hasRoom: spans.hasRoom(for: SpanSignal.memoryBytes(batch)),
            prepare: {
                let derive = derived?.prepare(batch)
                return JournalledBatch(
                    payload: JournalledSpans.encode(batch)
                ) { sequence, arrival in
                    spans.admit(batch, sequence: sequence, arrival: arrival)
                    derive?(sequence, arrival)
                    if spans.needsSeal(at: arrival) { self.sealSoon() }
                }
            }, completion: completion)
    }

    package func trace(_ id: TraceID) throws(StoreError) -> SpanBatch { try spans.trace(id) }

    package func traces(_ ids: [TraceID], spansEach: Int) throws(StoreError) -> [BoundedTrace] {
        try spans.traces(ids, spansEach: spansEach)
    }

    package func openTrace(
        _ id: TraceID, fields: SpanFields, spansAtOnce: Int
    ) throws(StoreError) -> TraceCursor {
        try spans.openTrace(id, fields: fields, spansAtOnce: spansAtOnce)
    }

    package func scanSpans(
        _ predicate: SpanPredicate, in range: TimeRange,
        visit: (_ matches: SpanBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        try spans.scan(
            SpanScan(predicate, in: range), read: { $0.batch(.all) }, visit: visit)
    }

    package func scanSpans<Part: Sendable>(
        _ scan: SpanScan, read: @Sendable (FoundSpans) -> Part,
        visit: (_ part: Part, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        try spans.scan(scan, read: read, visit: visit)
    }

    package func spanValues(
        of field: SpanField, matching predicate: SpanPredicate, in range: TimeRange, limit: Int
    ) throws(StoreError) -> [String] {
        try spans.values(of: field, matching: predicate, in: range, limit: limit)
    }
}

extension SQLiteTelemetryStore: LogStore {
    package func append(
        logs batch: LogBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        if batch.isEmpty { return completion(.success(.stored)) }
        let logs = logs
        append(
            kind: .logs, digest: digest, hasRoom: logs.hasRoom(for: LogSignal.memoryBytes(batch)),
            prepare: {
                let derive = derivedLogs?.prepare(batch)
                return JournalledBatch(
                    payload: LogBatchCodec.encode(batch, effort: .journal)
                ) { sequence, arrival in
                    logs.admit(batch, sequence: sequence, arrival: arrival)
                    derive?(sequence, arrival)
                    if logs.needsSeal(at: arrival) { self.sealSoon() }
                }
            }, completion: completion)
    }

    package func scanLogs(
        _ predicate: LogPredicate, in range: TimeRange, direction: ScanDirection,
        visit: (_ matches: LogBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        try logs.scan(predicate, in: range, direction: direction, visit: visit)
    }

    package func scanLogFields(
        _ request: LogFieldRequest, _ predicate: LogPredicate, in range: TimeRange,
        direction: ScanDirection,
        visit: (_ part: LogFieldPart, _ bound: Timestamp) -> LogFieldAnswer
    ) throws(StoreError) {
        try logs.scanFields(request, predicate, in: range, direction: direction, visit: visit)
    }

    package func mapLogs<Part: Sendable>(
        _ predicate: LogPredicate, in range: TimeRange,
        _ work: @Sendable (_ matches: LogBatch) -> Part, collect: (Part) -> Bool
    ) throws(StoreError) {
        try logs.mapRows(predicate, in: range, work, collect: collect)
    }

    package func logStreams(
        _ predicate: LogPredicate, in range: TimeRange
    ) throws(StoreError) -> [Labels] {
        try logs.streams(predicate, in: range)
    }
}

extension SQLiteTelemetryStore {
    /// Series that the head of the metrics keeps labels of.
    package var registeredSeriesCount: Int { metrics.seriesCount }
}

extension SQLiteTelemetryStore: MetricStore {
    package func append(
        metrics batch: MetricBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        if batch.isEmpty { return completion(.success(.stored)) }
        let metrics = metrics
        let prepared = metrics.prepare(batch)
        append(
            kind: .metrics, digest: digest, hasRoom: metrics.hasRoom(for: prepared),
            prepare: {
                JournalledBatch(payload: prepared.payload) { sequence, arrival in
                    metrics.admit(prepared, sequence: sequence, arrival: arrival)
                    if metrics.needsSeal(at: arrival) { self.sealSoon() }
                }
            }, completion: completion)
    }

    package func selectSeries(
        _ matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> any SeriesSelection {
        try metrics.selectSeries(matchers, in: range)
    }

    package func labelNames(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] {
        try metrics.labelNames(matching: matchers, in: range)
    }

    package func labelValues(
        of name: String, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] {
        try metrics.labelValues(of: name, matching: matchers, in: range)
    }

    package func listingAtHand(
        _ listing: LabelListing, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) -> [String]? {
        metrics.listingAtHand(listing, matchers, range)
    }

    package func exemplars(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesExemplars] {
        try metrics.exemplars(matching: matchers, in: range)
    }

    package func startTimes(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesStarts] {
        try metrics.startTimes(matching: matchers, in: range)
    }

    package func metricMetadata() throws(StoreError) -> [MetricMetadata] {
        try metrics.metadata()
    }

    package func seriesOverflows() -> [SeriesOverflow] { metrics.seriesOverflows }

    package func storageReport() throws(StoreError) -> MetricStorageReport {
        try metrics.storageReport()
    }
}
