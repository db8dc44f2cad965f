import Synchronization
import Telemetry

/// Samples of one series by time: of equal times the last written is kept.
struct MemorySeries: Sendable {
    var samples: [Int64: Double] = [:]
    var histograms: [Int64: NativeHistogram] = [:]

    func hasSamples(in range: ClosedRange<Int64>) -> Bool {
        samples.keys.contains(where: range.contains)
            || histograms.keys.contains(where: range.contains)
    }
}

extension MemoryStore: MetricStore {
    package func append(
        metrics batch: MetricBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        append(digest, completion) { state in
            for (index, series) in batch.sampleSeries.enumerated() {
                let labels = batch.labels(Int(series))
                let time = batch.sampleTimes[index]
                state.series[labels, default: MemorySeries()].samples[time] =
                    batch.sampleValues[index]
                state.series[labels]?.histograms[time] = nil
            }
            for sample in batch.histograms {
                let labels = batch.labels(Int(sample.series))
                state.series[labels, default: MemorySeries()].histograms[sample.time] =
                    sample.histogram
                state.series[labels]?.samples[sample.time] = nil
            }
            for var exemplar in batch.exemplars {
                let labels = batch.labels(Int(exemplar.series))
                exemplar.series = 0
                state.exemplars[labels, default: []].insert(exemplar)
            }
            for start in batch.starts {
                state.starts[batch.labels(Int(start.series)), default: [:]][
                    start.firstSampleTime] = start.time
            }
            for entry in batch.metadata { state.metadata[entry.family] = entry }
        }
    }

    package func selectSeries(
        _ matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> any SeriesSelection {
        MemorySelection(
            series: try matching(matchers, range).sorted {
                $0.labels.bytes.lexicographicallyPrecedes($1.labels.bytes)
            }, range: range)
    }

    package func labelNames(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] {
        var names: Set<String> = []
        for found in try matching(matchers, range) {
            names.formUnion(found.labels.pairs.map(\.name))
        }
        return names.sorted { Labels.precedes($0.utf8, $1.utf8) }
    }

    package func labelValues(
        of name: String, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String] {
        var values: Set<String> = []
        for found in try matching(matchers, range) {
            if let value = found.labels[name] { values.insert(value) }
        }
        return values.sorted { Labels.precedes($0.utf8, $1.utf8) }
    }

    package func metricMetadata() throws(StoreError) -> [MetricMetadata] {
        state.withLock { $0.metadata.values.sorted { $0.family < $1.family } }
    }

    package func exemplars(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesExemplars] {
        var found: [Labels: Set<Exemplar>] = [:]
        for (labels, exemplars) in state.withLock({ $0.exemplars }) {
            let kept = exemplars.filter { range.contains($0.time) }
            if !kept.isEmpty, try accepts(labels, matchers) { found[labels] = kept }
        }
        return SeriesExemplars.sorted(found)
    }

    package func startTimes(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesStarts] {
        var found: [Labels: [Int64: Int64]] = [:]
        for (labels, starts) in state.withLock({ $0.starts }) where try accepts(labels, matchers) {
            found[labels] = starts.filter { $0.key <= range.upperBound }
        }
        return SeriesStarts.sorted(found.filter { !$0.value.isEmpty })
    }

    private func matching(
        _ matchers: [LabelMatcher], _ range: ClosedRange<Int64>
    ) throws(StoreError) -> [(labels: Labels, samples: MemorySeries)] {
        let all = state.withLock { $0.series }
        var found: [(labels: Labels, samples: MemorySeries)] = []
        for (labels, series) in all where series.hasSamples(in: range) {
            if try accepts(labels, matchers) { found.append((labels, series)) }
        }
        return found
    }

    private func accepts(_ labels: Labels, _ matchers: [LabelMatcher]) throws(StoreError) -> Bool {
        for matcher in matchers {
            let value = labels[matcher.name] ?? ""
            let isAccepted =
                switch matcher.operator {
                case .equal: value == matcher.value
                case .notEqual: value != matcher.value
                case .matches: try matches(matcher.value, value)
                case .doesNotMatch: try !matches(matcher.value, value)
                }
            if !isAccepted { return false }
        }
        return true
    }
}

private struct MemorySelection: SeriesSelection {
    let series: [(labels: Labels, samples: MemorySeries)]
    let range: ClosedRange<Int64>

    var count: Int { series.count }
    var mayHoldHistograms: Bool { series.contains { !$0.samples.histograms.isEmpty } }
    func labels(_ index: Int) -> Labels { series[index].labels }

    func samples(_ index: Int, into columns: inout SampleColumns) throws(StoreError) {
        columns.removeAll()
        let found = series[index].samples
        for (time, value) in found.samples.sorted(by: { $0.key < $1.key })
        where range.contains(time) {
            columns.times.append(time)
            columns.values.append(value)
        }
        for (time, histogram) in found.histograms.sorted(by: { $0.key < $1.key })
        where range.contains(time) {
            columns.histograms.append(
                HistogramSample(series: UInt32(clamping: index), time: time, histogram: histogram))
        }
    }
}
