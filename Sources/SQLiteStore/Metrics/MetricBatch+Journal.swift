import Telemetry

extension MetricBatch {
    /// The same batch with the labels of only those series that `keeps` names; the others are known by
    /// their ids.
    func keepingLabels(_ keeps: (Int) -> Bool) -> MetricBatch {
        var batch = self
        batch.labelBytes = []
        batch.labelEnds = []
        batch.unread = nil
        batch.labelEnds.reserveCapacity(seriesCount)
        for series in 0..<seriesCount {
            if keeps(series) { appendLabels(of: series, to: &batch.labelBytes) }
            batch.labelEnds.append(UInt32(batch.labelBytes.count))
        }
        return batch
    }

    /// The same batch with all labels, from `labels` where they are missing. Samples of series that are
    /// not found are left out and their series counted.
    func completing(_ labels: [SeriesID: Labels]) -> (batch: MetricBatch, missing: Int) {
        var batch = self
        var missing = Set<UInt32>()
        batch.labelBytes = []
        batch.labelEnds = []
        for series in 0..<seriesCount {
            if !labelRange(series).isEmpty {
                batch.labelBytes += labelBytes[labelRange(series)]
            } else if let known = labels[seriesIDs[series]] {
                batch.labelBytes += known.bytes
            } else {
                missing.insert(UInt32(series))
            }
            batch.labelEnds.append(UInt32(batch.labelBytes.count))
        }
        if missing.isEmpty { return (batch, 0) }
        return (batch.filtered { series, _ in !missing.contains(series) }, missing.count)
    }

    /// Without the samples, histograms and exemplars at times that `drops` names.
    func dropping(_ drops: (Int64) -> Bool) -> MetricBatch {
        let isAny =
            sampleTimes.contains(where: drops) || histograms.contains { drops($0.time) }
            || exemplars.contains { drops($0.time) }
            || starts.contains { drops($0.firstSampleTime) }
        return isAny ? filtered { _, time in !drops(time) } : self
    }

    /// Histograms and exemplars with the labels they need; `nil` if there are none.
    var extras: MetricBatch? {
        guard !histograms.isEmpty || !exemplars.isEmpty else { return nil }
        var extras = MetricBatch()
        var numbers: [UInt32: UInt32] = [:]
        func number(_ series: UInt32) -> UInt32 {
            if let known = numbers[series] { return known }
            let added = extras.append(labels(Int(series)))
            numbers[series] = added
            return added
        }
        for histogram in histograms {
            var copy = histogram
            copy.series = number(histogram.series)
            extras.histograms.append(copy)
        }
        for exemplar in exemplars {
            var copy = exemplar
            copy.series = number(exemplar.series)
            extras.exemplars.append(copy)
        }
        return extras
    }

    /// The part of a batch of extras whose times `keeps` names; `nil` if nothing is left.
    func extras(at keeps: (Int64) -> Bool) -> MetricBatch? {
        let part = filtered { _, time in keeps(time) }
        return part.histograms.isEmpty && part.exemplars.isEmpty ? nil : part
    }

    /// The samples, histograms, exemplars and starts that `keeps` accepts, with all series.
    func filtered(_ keeps: (_ series: UInt32, _ time: Int64) -> Bool) -> MetricBatch {
        var batch = self
        batch.sampleSeries = []
        batch.sampleTimes = []
        batch.sampleValues = []
        for index in sampleTimes.indices where keeps(sampleSeries[index], sampleTimes[index]) {
            batch.append(
                series: sampleSeries[index], time: sampleTimes[index], value: sampleValues[index])
        }
        batch.histograms = histograms.filter { keeps($0.series, $0.time) }
        batch.exemplars = exemplars.filter { keeps($0.series, $0.time) }
        batch.starts = starts.filter { keeps($0.series, $0.firstSampleTime) }
        return batch
    }
}
