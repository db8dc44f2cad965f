import Telemetry

/// One step between decoding and storing. It returns the batch that goes on; what it leaves out it adds
/// to the tally.
package struct Stage<Batch: Sendable>: Sendable {
    package let name: String
    package let apply: @Sendable (Batch, _ now: Timestamp, inout RefusalTally) -> Batch

    package init(
        _ name: String,
        apply: @escaping @Sendable (Batch, _ now: Timestamp, inout RefusalTally) -> Batch
    ) {
        self.name = name
        self.apply = apply
    }
}

/// What received batches go through, in order, before they are stored. The lists of stages are the
/// architecture: whatever changes or drops received items stands here.
package struct Pipeline: Sendable {
    package var spans: [Stage<SpanBatch>]
    package var logs: [Stage<LogBatch>]
    package var metrics: [Stage<MetricBatch>]

    /// - Parameter redaction: what becomes of personal data in log records and spans; they are stored
    ///   without it.
    package init(limits: IngestLimits, redaction: [RedactionRule] = []) {
        spans = [.limits(limits)] + (redaction.isEmpty ? [] : [.redaction(redaction)])
        logs = [.limits(limits)] + (redaction.isEmpty ? [] : [.redaction(redaction)])
        metrics = [.limits(limits)]
    }

    package func run(_ batch: SpanBatch, at now: Timestamp) -> Piped<SpanBatch> {
        Self.run(batch, through: spans, at: now)
    }

    package func run(_ batch: LogBatch, at now: Timestamp) -> Piped<LogBatch> {
        Self.run(batch, through: logs, at: now)
    }

    package func run(_ batch: MetricBatch, at now: Timestamp) -> Piped<MetricBatch> {
        Self.run(batch, through: metrics, at: now)
    }

    private static func run<Batch>(
        _ batch: Batch, through stages: [Stage<Batch>], at now: Timestamp
    ) -> Piped<Batch> {
        var piped = Piped(batch: batch, tally: RefusalTally())
        for stage in stages { piped.batch = stage.apply(piped.batch, now, &piped.tally) }
        return piped
    }
}

/// What came out of the pipeline.
package struct Piped<Batch: Sendable>: Sendable {
    package var batch: Batch
    package var tally: RefusalTally
}

/// The times that are accepted at an instant, both ends included.
struct AcceptedTimes {
    var earliest: Timestamp
    var latest: Timestamp

    init(_ limits: IngestLimits, retention: Duration?, now: Timestamp) {
        latest = now.advanced(byNanoseconds: limits.futureMax.wholeNanoseconds)
        earliest =
            retention.map { now.advanced(byNanoseconds: -$0.wholeNanoseconds) } ?? .distantPast
    }
}

extension Duration {
    /// Saturating; a hundred years fit three times.
    fileprivate var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? -.max : .max }
        let (sum, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carry ? .max : sum
    }
}
