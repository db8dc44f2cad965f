import Pipeline
import Platform
import Store
import Telemetry
import WireFormats

/// The way of a decoded batch into the store, the same for every protocol: pipeline, append, wait until
/// it is durable, count.
package struct Ingest: Sendable {
    package let spans: any SpanStore
    package let logs: any LogStore
    package let metrics: any MetricStore
    package let pipeline: Pipeline
    package let clock: any Clock
    package let events: EventLog
    /// Sees the spans that were stored, once each.
    package var observeSpans: (@Sendable (SpanBatch) -> Void)?
    /// Sees the log records that were stored, once each.
    package var observeLogs: (@Sendable (LogBatch) -> Void)?
    /// How OTLP metrics become series.
    package let translation: OTLPTranslation
    private let deltas: DeltaSums
    /// Totals of before a restart; `nil` where increments begin at zero.
    package var deltaRecovery: DeltaRecovery?
    /// How log lines are read, whatever protocol brings them.
    package let lineOptions: LogLineOptions

    /// - Parameters:
    ///   - translation: increments are always taken, whatever it says about them.
    ///   - deltas: shared by all ways in.
    package init(
        spans: any SpanStore, logs: any LogStore, metrics: any MetricStore, pipeline: Pipeline,
        clock: any Clock, events: EventLog, translation: OTLPTranslation = OTLPTranslation(),
        deltas: DeltaSums = DeltaSums(), lineOptions: LogLineOptions = LogLineOptions()
    ) {
        self.deltas = deltas
        var translation = translation
        translation.passesDeltas = true
        self.translation = translation
        self.spans = spans
        self.logs = logs
        self.metrics = metrics
        self.pipeline = pipeline
        self.clock = clock
        self.events = events
        self.lineOptions = lineOptions
    }

    package var now: Timestamp { Timestamp(nanoseconds: clock.wallNanoseconds) }

    /// - Parameter digest: identifies a retry of the same request; `nil` stores again what comes again.
    /// - Throws: why nothing was stored.
    func store(
        _ decoded: Decoded<SpanBatch>, digest: ContentHash?, by way: ReceiverProtocol
    ) async throws(StoreError) -> IngestReceipt {
        let piped = pipeline.run(decoded.batch, at: now)
        let count = piped.batch.count
        var outcome = AppendOutcome.stored
        if count > 0 {
            outcome = try await durable { [spans] in
                spans.append(spans: piped.batch, digest: digest, completion: $0)
            }
            if case .stored = outcome { observeSpans?(piped.batch) }
        }
        var receipt = receipt(decoded, piped, stored: count, outcome, .traces, way)
        receipt.refusedRows = piped.tally.rows.mapValues(\.rawValue)
        return receipt
    }

    func store(
        _ decoded: Decoded<LogBatch>, digest: ContentHash?, by way: ReceiverProtocol
    ) async throws(StoreError) -> IngestReceipt {
        let piped = pipeline.run(decoded.batch, at: now)
        let count = piped.batch.count
        var outcome = AppendOutcome.stored
        if count > 0 {
            outcome = try await durable { [logs] in
                logs.append(logs: piped.batch, digest: digest, completion: $0)
            }
            if case .stored = outcome { observeLogs?(piped.batch) }
        }
        var receipt = receipt(decoded, piped, stored: count, outcome, .logs, way)
        receipt.refusedRows = piped.tally.rows.mapValues(\.rawValue)
        return receipt
    }

    func store(
        _ decoded: Decoded<MetricBatch>, digest: ContentHash?, by way: ReceiverProtocol
    ) async throws(StoreError) -> IngestReceipt {
        let piped = pipeline.run(decoded.batch, at: now)
        let count = piped.batch.sampleCount
        var outcome = AppendOutcome.stored
        if !piped.batch.isEmpty {
            outcome = try await durable { [metrics] in
                metrics.append(metrics: piped.batch, digest: digest, completion: $0)
            }
        }
        var receipt = receipt(decoded, piped, stored: count, outcome, .metrics, way)
        receipt.histograms = piped.batch.histograms.count
        receipt.exemplars = piped.batch.exemplars.count
        return receipt
    }

    /// Stores OTLP metrics, increments as the totals they lead to.
    func store(
        _ decoded: Decoded<TranslatedMetrics>, digest: ContentHash?, by way: ReceiverProtocol
    ) async throws(StoreError) -> IngestReceipt {
        if let deltaRecovery {
            try await deltas.recover(decoded.batch, from: deltaRecovery, at: now.milliseconds)
        }
        return try await store(deltas.summed(decoded), digest: digest, by: way)
    }

    /// Waits for an append to hold.
    private func durable(
        _ append: (@escaping AppendCompletion) -> Void
    ) async throws(StoreError) -> AppendOutcome {
        let result = await withCheckedContinuation { continuation in
            append { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    private func receipt<Batch>(
        _ decoded: Decoded<Batch>, _ piped: Piped<Batch>, stored: Int, _ outcome: AppendOutcome,
        _ signal: ReceivedSignal, _ way: ReceiverProtocol
    ) -> IngestReceipt {
        switch outcome {
        case .stored where stored > 0:
            events.emit(ItemsReceived(signal: signal, way: way, increment: UInt64(stored)))
        case .stored: break
        case .duplicate: events.emit(RequestRepeated(signal: signal, way: way))
        }
        var messages: [String] = []
        func rejected(_ reason: String, _ count: Int, _ example: String) {
            events.emit(
                ItemsRejected(
                    signal: signal, way: way, reason: reason, increment: UInt64(count)))
            messages.append("\(count) \(reason) (first: \(example))")
        }
        for item in decoded.rejections { rejected(item.reason.rawValue, item.count, item.example) }
        for item in piped.tally.refusals {
            rejected(item.reason.rawValue, item.count, item.example)
        }
        repaired(decoded.repairedStrings, .text, way)
        repaired(decoded.ignoredFields, .optionalField, way)
        repaired(piped.tally.cutTexts, .longText, way)
        return IngestReceipt(
            accepted: stored, rejected: decoded.rejectedCount + piped.tally.count,
            message: messages.joined(separator: "; "))
    }

    private func repaired(_ count: Int, _ part: ItemsRepaired.Part, _ way: ReceiverProtocol) {
        guard count > 0 else { return }
        events.emit(ItemsRepaired(way: way, part: part, increment: UInt64(count)))
    }
}

/// What became of a request's items.
struct IngestReceipt: Sendable, Hashable {
    var accepted: Int
    var rejected: Int
    /// Native histograms among the accepted samples.
    var histograms = 0
    var exemplars = 0
    /// Log records of the decoded batch that were refused, with the reason.
    var refusedRows: [Int: String] = [:]
    /// Reasons with counts and an example each; empty if nothing was rejected.
    var message: String
}
