import Platform
import Store
import Synchronization
import Telemetry

/// A store that remembers what it is given and answers as it is told. It finds nothing.
final class RecordingStore: SpanStore, LogStore, MetricStore {
    private struct State {
        var spans: [SpanBatch] = []
        var logs: [LogBatch] = []
        var metrics: [MetricBatch] = []
        var digests: [ContentHash?] = []
        var answer: Result<AppendOutcome, StoreError> = .success(.stored)
        var isHolding = false
        var held: [AppendCompletion] = []
    }

    private let state = Mutex(State())

    var spans: [SpanBatch] { state.withLock { $0.spans } }
    var logs: [LogBatch] { state.withLock { $0.logs } }
    var metrics: [MetricBatch] { state.withLock { $0.metrics } }
    var digests: [ContentHash?] { state.withLock { $0.digests } }
    var appendCount: Int { state.withLock { $0.digests.count } }
    var heldCount: Int { state.withLock { $0.held.count } }

    /// Forgets what came so far.
    func clear() {
        state.withLock { state in
            (state.spans, state.logs, state.metrics, state.digests) = ([], [], [], [])
        }
    }

    /// What later appends are answered.
    func answer(_ answer: Result<AppendOutcome, StoreError>) {
        state.withLock { $0.answer = answer }
    }

    /// Appends from now on are not durable until `release`.
    func hold() { state.withLock { $0.isHolding = true } }

    func release() {
        let (held, answer) = state.withLock { state in
            state.isHolding = false
            defer { state.held = [] }
            return (state.held, state.answer)
        }
        for completion in held { completion(answer) }
    }

    func append(
        spans batch: SpanBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        append(digest, completion) { $0.spans.append(batch) }
    }

    func append(logs batch: LogBatch, digest: ContentHash?, completion: @escaping AppendCompletion)
    {
        append(digest, completion) { $0.logs.append(batch) }
    }

    func append(
        metrics batch: MetricBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        append(digest, completion) { $0.metrics.append(batch) }
    }

    private func append(
        _ digest: ContentHash?, _ completion: @escaping AppendCompletion,
        _ record: (inout State) -> Void
    ) {
        let answer = state.withLock { state -> Result<AppendOutcome, StoreError>? in
            state.digests.append(digest)
            record(&state)
            guard state.isHolding else { return state.answer }
            state.held.append(completion)
            return nil
        }
        if let answer { completion(answer) }
    }

    func trace(_ id: TraceID) throws(StoreError) -> SpanBatch { SpanBatch() }
    func scanSpans(
        _ predicate: SpanPredicate, in range: TimeRange, visit: (SpanBatch, Timestamp) -> Bool
    ) throws(StoreError) {}
    func spanValues(
        of field: SpanField, matching predicate: SpanPredicate, in range: TimeRange, limit: Int
    ) throws(StoreError) -> [String] { [] }
    func scanLogs(
        _ predicate: LogPredicate, in range: TimeRange, direction: ScanDirection,
        visit: (LogBatch, Timestamp) -> Bool
    ) throws(StoreError) {}
    func logStreams(
        _ predicate: LogPredicate, in range: TimeRange
    ) throws(StoreError) -> [Labels] { [] }
    func selectSeries(
        _ matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> any SeriesSelection { NoSeries() }
    func labelNames(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] { [] }
    func labelValues(
        of name: String, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] { [] }
    func metricMetadata() throws(StoreError) -> [MetricMetadata] { [] }
    func exemplars(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesExemplars] { [] }

    private struct NoSeries: SeriesSelection {
        var mayHoldHistograms: Bool { false }
        var count: Int { 0 }
        func labels(_ index: Int) -> Labels { .empty }
        func samples(_ index: Int, into columns: inout SampleColumns) {}
    }
}
