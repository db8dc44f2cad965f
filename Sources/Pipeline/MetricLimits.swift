import Telemetry

extension Stage where Batch == MetricBatch {
    /// Refuses samples that are too far in the future or before the retention horizon, and all samples
    /// of series with too many or too long labels.
    package static func limits(_ limits: IngestLimits) -> Stage {
        Stage("limits") { batch, now, tally in
            let refused = refusedSeries(of: batch, limits)
            let times = AcceptedTimes(limits, retention: limits.metricRetention, now: now)
            let accepted = SampleFilter(times, refusedSeries: refused)
            guard !refused.isEmpty || accepted.refusesAny(of: batch) else { return batch }
            return accepted.filtered(batch, &tally)
        }
    }

    private static func refusedSeries(
        of batch: MetricBatch, _ limits: IngestLimits
    ) -> [UInt32: RefusalReason] {
        var refused: [UInt32: RefusalReason] = [:]
        batch.labelBytes.withUnsafeBytes { bytes in
            for series in 0..<batch.seriesCount {
                let range = batch.labelRange(series)
                guard
                    let reason = reason(
                        UnsafeRawBufferPointer(rebasing: bytes[range]), limits)
                else { continue }
                refused[UInt32(truncatingIfNeeded: series)] = reason
            }
        }
        return refused
    }

    private static func reason(
        _ labels: UnsafeRawBufferPointer, _ limits: IngestLimits
    ) -> RefusalReason? {
        var cursor = LabelCursor(labels)
        var count = 0
        while let pair = cursor.next() {
            count += 1
            if pair.name.count > limits.labelNameBytesMax
                || pair.value.count > limits.labelValueBytesMax
            {
                return .labelTooLong
            }
        }
        return count > limits.labelsMax ? .tooManyLabels : nil
    }
}

/// Decides about samples by time and series, and takes out those that must go.
private struct SampleFilter {
    private let earliest: Int64
    private let latest: Int64
    private let refusedSeries: [UInt32: RefusalReason]

    init(_ times: AcceptedTimes, refusedSeries: [UInt32: RefusalReason]) {
        earliest = times.earliest.milliseconds
        latest = times.latest.milliseconds
        self.refusedSeries = refusedSeries
    }

    func refusesAny(of batch: MetricBatch) -> Bool {
        var (first, last) = (Int64.max, Int64.min)
        for time in batch.sampleTimes {
            first = min(first, time)
            last = max(last, time)
        }
        for sample in batch.histograms {
            first = min(first, sample.time)
            last = max(last, sample.time)
        }
        return first < earliest || last > latest
    }

    func filtered(_ batch: MetricBatch, _ tally: inout RefusalTally) -> MetricBatch {
        var kept = MetricBatch()
        kept.metadata = batch.metadata
        // Series come along with what is kept of them: one without samples would stand in the index
        // for nothing.
        var numbers: [UInt32: UInt32] = [:]
        func number(_ series: UInt32, _ kept: inout MetricBatch) -> UInt32 {
            if let number = numbers[series] { return number }
            let number = kept.append(batch.labels(Int(series)))
            numbers[series] = number
            return number
        }
        for index in batch.sampleTimes.indices {
            let (series, time) = (batch.sampleSeries[index], batch.sampleTimes[index])
            guard accepts(series, time, of: batch, &tally) else { continue }
            kept.append(
                series: number(series, &kept), time: time, value: batch.sampleValues[index])
        }
        for var sample in batch.histograms
        where accepts(sample.series, sample.time, of: batch, &tally) {
            sample.series = number(sample.series, &kept)
            kept.histograms.append(sample)
        }
        for var exemplar in batch.exemplars
        where refusedSeries[exemplar.series] == nil && exemplar.time <= latest {
            exemplar.series = number(exemplar.series, &kept)
            kept.exemplars.append(exemplar)
        }
        kept.starts = batch.starts(numberedBy: { numbers[$0] })
        return kept
    }

    private func accepts(
        _ series: UInt32, _ time: Int64, of batch: MetricBatch, _ tally: inout RefusalTally
    ) -> Bool {
        if let reason = refusedSeries[series] {
            tally.add(reason, example: Self.name(series, batch))
        } else if time > latest {
            tally.add(.tooFarInFuture, example: "\(Self.name(series, batch)) at \(time) ms")
        } else if time < earliest {
            tally.add(.beforeRetention, example: "\(Self.name(series, batch)) at \(time) ms")
        } else {
            return true
        }
        return false
    }

    /// The labels, short enough for a message.
    private static func name(_ series: UInt32, _ batch: MetricBatch) -> String {
        let text = batch.labels(Int(series)).description
        return text.utf8.count <= 200 ? text : String(text.prefix(200)) + "…"
    }
}
