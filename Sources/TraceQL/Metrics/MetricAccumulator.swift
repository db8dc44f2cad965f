import QueryCore
import Telemetry

/// Counts and measures spans by series and interval.
final class MetricAccumulator: SpanAccumulator {
    private let function: MetricsFunction
    private let windows: MetricWindows
    private let context: QueryContext
    private var groups: MetricGroups
    /// Per series one number an interval: a count, a sum, an extreme.
    private var values: [[Double]] = []
    /// Per series one count an interval, of averages.
    private var counts: [[Double]] = []
    /// Per series one histogram an interval, of quantiles and histograms.
    private var histograms: [LogHistograms] = []
    private var exemplars: ExemplarCollector
    private var heldSamples = 0

    private let isExtrapolated: Bool

    /// - Parameters:
    ///   - exemplarsMax: examples of all series together.
    ///   - isExtrapolated: whether spans count for those that samplers did not keep. Extremes are not
    ///     changed by it.
    init(
        _ function: MetricsFunction, _ windows: MetricWindows, exemplarsMax: Int,
        isExtrapolated: Bool = false, _ context: QueryContext
    ) {
        self.isExtrapolated = isExtrapolated
        exemplars = ExemplarCollector(limit: exemplarsMax, windows: windows)
        self.function = function
        self.windows = windows
        self.context = context
        groups = MetricGroups(function.grouping, limit: context.limits.seriesMax)
    }

    deinit { context.release(samples: heldSamples) }

    var reading: MetricReading {
        MetricReading(
            grouping: function.grouping, measured: function.field, windows: windows,
            hasExemplars: exemplars.isWanted, isExtrapolated: isExtrapolated)
    }

    func take(_ part: MetricReading.Part) throws(QueryError) {
        guard !part.series.isEmpty else { return }
        var numbers: [Int] = []
        for key in part.keys { numbers.append(try groups.number(key)) }
        try makeRoom()
        if function.field == nil {
            count(part, numbers)
        } else {
            for index in part.series.indices {
                measure(
                    part.cells[index], numbers[Int(part.series[index])],
                    Int(part.intervals[index]),
                    count: part.counts.isEmpty ? 1 : part.counts[index])
            }
        }
        for index in part.traces.indices {
            exemplars.offer(
                part.traces[index], part.starts[index],
                series: numbers[Int(part.series[index])], window: Int(part.intervals[index]),
                value: function.field == nil ? .nan : part.cells[index].measure ?? .nan)
        }
    }

    /// Spans of one interval and series mostly stand together.
    private func count(_ part: MetricReading.Part, _ numbers: [Int]) {
        var run = 0.0
        for index in part.series.indices {
            run += part.counts.isEmpty ? 1 : part.counts[index]
            let next = index + 1
            if next < part.series.count, part.series[next] == part.series[index],
                part.intervals[next] == part.intervals[index]
            {
                continue
            }
            values[numbers[Int(part.series[index])]][Int(part.intervals[index])] += run
            run = 0
        }
    }

    private func makeRoom() throws(QueryError) {
        while values.count < groups.keys.count {
            let cells = windows.count * (usesHistograms ? LogHistograms.bucketCount : 2)
            try context.hold(samples: cells)
            heldSamples += cells
            values.append([Double](repeating: initialValue, count: windows.count))
            if case .avgOverTime = function.function {
                counts.append([Double](repeating: 0, count: windows.count))
            }
            if usesHistograms { histograms.append(LogHistograms(count: windows.count)) }
        }
        exemplars.makeRoom(for: values.count)
    }

    private var usesHistograms: Bool {
        switch function.function {
        case .quantileOverTime, .histogramOverTime: true
        default: false
        }
    }

    private var initialValue: Double { function.field == nil ? 0 : .nan }

    /// - Parameter count: how many spans the one measured stands for.
    private func measure(_ cell: Cell, _ series: Int, _ window: Int, count: Double) {
        guard let measure = cell.measure else { return }
        let old = values[series][window]
        switch function.function {
        case .minOverTime: values[series][window] = old.isNaN ? measure : min(old, measure)
        case .maxOverTime: values[series][window] = old.isNaN ? measure : max(old, measure)
        case .sumOverTime: values[series][window] = (old.isNaN ? 0 : old) + measure * count
        case .avgOverTime:
            values[series][window] = (old.isNaN ? 0 : old) + measure * count
            counts[series][window] += count
        case .quantileOverTime, .histogramOverTime:
            histograms[series].add(cell, window, count: count)
        case .rate, .countOverTime, .compare: break
        }
    }

    // MARK: Results

    func results() throws(QueryError) -> [MetricSeries] {
        if groups.fields.isEmpty, values.isEmpty {
            // Without spans a count is still zero.
            return function.field == nil
                ? [series(0, [Double](repeating: 0, count: windows.count))] : []
        }
        var results: [MetricSeries] = []
        for number in values.indices {
            switch function.function {
            case .rate:
                let seconds = Double(windows.step) / 1e9
                let rates = series(number, values[number].map { $0 / seconds })
                results.append(rates.with(exemplars.exemplars(number)))
            case .avgOverTime:
                let means = zip(values[number], counts[number]).map { $0 / $1 }
                results.append(series(number, means).with(exemplars.exemplars(number)))
            case .quantileOverTime(_, let quantiles):
                results += self.quantiles(quantiles, number)
            case .histogramOverTime:
                results += buckets(number)
            default:
                results.append(
                    series(number, values[number]).with(exemplars.exemplars(number)))
            }
        }
        return results.filter { !$0.isEmpty }
    }

    /// A series a quantile; an example stands at the first that is not below it.
    private func quantiles(_ quantiles: [Double], _ number: Int) -> [MetricSeries] {
        let all = quantiles.map { quantile in
            series(
                number, (0..<windows.count).map { histograms[number].quantile(quantile, $0) },
                Attribute("p", .double(quantile)))
        }
        let places = exemplars.exemplars(number).map { exemplar in
            let place = all.firstIndex { $0.values[exemplar.window] >= exemplar.value }
            return (place ?? all.count - 1, exemplar)
        }
        return all.enumerated().map { index, series in
            series.with(places.filter { $0.0 == index }.map(\.1))
        }
    }

    private func buckets(_ number: Int) -> [MetricSeries] {
        let found = histograms[number].buckets()
        return found.enumerated().map { index, bucket in
            let below = index == 0 ? -Double.infinity : found[index - 1].bound
            let inside = exemplars.exemplars(number).filter {
                $0.value > below && $0.value <= bucket.bound
            }
            return series(number, bucket.values, Attribute("__bucket", .double(bucket.bound)))
                .with(inside)
        }
    }

    private func series(
        _ number: Int, _ values: [Double], _ extra: Attribute? = nil
    ) -> MetricSeries {
        var labels: [Attribute] = []
        if groups.fields.isEmpty {
            if extra == nil { labels = [Attribute("__name__", .string(function.name))] }
        } else {
            labels = groups.labels(number)
        }
        if let extra { labels.append(extra) }
        return MetricSeries(labels: labels, values: values)
    }
}
