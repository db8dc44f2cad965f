import Telemetry
import WireFormats

/// Decoded telemetry on its way from a file into a store, of one signal.
enum ImportItems: Sendable {
    case spans(SpanBatch)
    case logs(LogBatch)
    case samples(MetricBatch)

    /// Spans, log records or samples.
    var count: Int {
        switch self {
        case .spans(let batch): batch.count
        case .logs(let batch): batch.count
        case .samples(let batch): batch.sampleCount
        }
    }

    var isEmpty: Bool {
        switch self {
        case .spans(let batch): batch.isEmpty
        case .logs(let batch): batch.isEmpty
        case .samples(let batch): batch.isEmpty
        }
    }

    /// The end of the latest item.
    /// - Parameter readAt: the time that log records without one of their own were given; it does not
    ///   count.
    func latest(readAt: Timestamp) -> Timestamp? {
        switch self {
        case .spans(let batch): (0..<batch.count).map { batch.end($0) }.max()
        case .logs(let batch): batch.times.filter { $0 != readAt }.max()
        case .samples(let batch):
            (batch.sampleTimes + batch.histograms.map(\.time)).max()
                .map(Timestamp.init(milliseconds:))
        }
    }

    /// Parts of at most `limit` items, in order.
    func parts(of limit: Int) -> [ImportItems] {
        guard count > limit else { return [self] }
        return stride(from: 0, to: count, by: limit).map { start in
            let rows = start..<min(start + limit, count)
            return switch self {
            case .spans(let batch): .spans(batch.rows(rows))
            case .logs(let batch): .logs(batch.rows(rows))
            case .samples(let batch): .samples(batch.samples(rows, withRest: start == 0))
            }
        }
    }
}

extension MetricBatch {
    /// The samples numbered `rows`, floats before histograms, with the series that they need.
    /// - Parameter withRest: also all metadata, and exemplars with their series.
    func samples(_ rows: Range<Int>, withRest: Bool) -> MetricBatch {
        var part = MetricBatch()
        var numbers: [UInt32: UInt32] = [:]
        func number(_ series: UInt32, _ part: inout MetricBatch) -> UInt32 {
            if let number = numbers[series] { return number }
            let number = part.append(labels(Int(series)))
            numbers[series] = number
            return number
        }
        for row in rows {
            if row < sampleTimes.count {
                let series = number(sampleSeries[row], &part)
                part.append(series: series, time: sampleTimes[row], value: sampleValues[row])
            } else {
                var sample = histograms[row - sampleTimes.count]
                sample.series = number(sample.series, &part)
                part.histograms.append(sample)
            }
        }
        guard withRest else { return part }
        part.metadata = metadata
        for var exemplar in exemplars {
            exemplar.series = number(exemplar.series, &part)
            part.exemplars.append(exemplar)
        }
        return part
    }
}
