import Telemetry
import WireFormats

/// The series of one target from scrape to scrape: which labels they get, which are new, which have ended.
/// Decides only; what it returns is stored by others.
package struct ScrapeSeries: Sendable {
    /// What became of a series as exposed.
    private enum Fate {
        case kept(Labels, SeriesID)
        /// By a rule.
        case dropped
        case refused(String)
    }

    private struct Entry {
        var fate: Fate
        var round: UInt64
        /// Whether its end is told: not so for samples that name their own time.
        var isTracked: Bool
        var isHistogram: Bool
    }

    private let target: Labels
    private let targetPairs: [(name: String, value: String)]
    private let job: ScrapeJob
    private var round: UInt64 = 0
    /// By identity of the labels as exposed.
    private var entries: [SeriesID: Entry] = [:]
    /// Series of the time before a reload, until the first scrape shows which of them go on.
    private var inherited: [SeriesID: (labels: Labels, isHistogram: Bool)] = [:]
    private var metadata: Set<MetricMetadata> = []
    /// Of the latest scrape, by identity of the final labels.
    private var exemplars: [SeriesID: [Exemplar]] = [:]
    /// Samples of this scrape.
    private var taken: Set<Stamp> = []

    /// What there may be one sample of.
    private struct Stamp: Hashable {
        var id: SeriesID
        /// Milliseconds.
        var time: Int64
    }

    package init(target: ScrapeTarget, job: ScrapeJob) {
        self.target = target.labels
        targetPairs = target.labels.pairs
        self.job = job
    }

    /// The same target under rules that may have changed.
    package init(target: ScrapeTarget, job: ScrapeJob, after previous: ScrapeSeries) {
        self.init(target: target, job: job)
        inherited = previous.inherited.merging(previous.live) { _, live in live }
    }

    /// A successful scrape.
    mutating func accept(_ exposed: ExposedMetrics, at time: Int64) -> ScrapeResult {
        round += 1
        var result = ScrapeResult()
        result.scraped = exposed.batch.sampleCount
        taken.removeAll(keepingCapacity: true)
        var numbers = [UInt32](repeating: .max, count: exposed.batch.seriesCount)
        var times = [Int64](repeating: .min, count: exposed.batch.seriesCount)
        for row in exposed.batch.sampleTimes.indices {
            let raw = Int(exposed.batch.sampleSeries[row])
            let time = exposed.batch.sampleTimes[row]
            guard let series = place(raw, exposed, at: time, isHistogram: false, &result) else {
                continue
            }
            (numbers[raw], times[raw]) = (series, time)
            result.batch.append(
                series: series, time: time, value: exposed.batch.sampleValues[row])
        }
        for var sample in exposed.batch.histograms {
            let raw = Int(sample.series)
            guard
                let series = place(raw, exposed, at: sample.time, isHistogram: true, &result)
            else { continue }
            (numbers[raw], times[raw]) = (series, sample.time)
            sample.series = series
            result.batch.histograms.append(sample)
        }
        takeExemplars(of: exposed, numbers, times, &result.batch)
        result.batch.starts = exposed.batch.starts(numberedBy: { series in
            let number = numbers[Int(series)]
            return number == .max ? nil : number
        })
        for entry in exposed.batch.metadata where metadata.insert(entry).inserted {
            result.batch.metadata.append(entry)
        }
        endUnseen(at: time, &result.batch)
        return result
    }

    /// Those that were not there in the scrape before. One without a time got that of its sample, which
    /// does not make it another.
    private mutating func takeExemplars(
        of exposed: ExposedMetrics, _ numbers: [UInt32], _ times: [Int64],
        _ batch: inout MetricBatch
    ) {
        var shown: [SeriesID: [Exemplar]] = [:]
        for var exemplar in exposed.batch.exemplars {
            let raw = Int(exemplar.series)
            guard numbers[raw] != .max else { continue }
            let id = batch.seriesIDs[Int(numbers[raw])]
            exemplar.series = numbers[raw]
            let isTimeless = exemplar.time == times[raw]
            let known = exemplars[id]?.first {
                $0.value == exemplar.value && $0.labels == exemplar.labels
                    && (isTimeless || $0.time == exemplar.time)
            }
            shown[id, default: []].append(known ?? exemplar)
            if known == nil { batch.exemplars.append(exemplar) }
        }
        exemplars = shown
    }

    /// The target cannot be scraped, or is gone: all its series end.
    mutating func end(at time: Int64) -> MetricBatch {
        var batch = MetricBatch()
        for (_, series) in inherited.merging(live, uniquingKeysWith: { _, live in live }) {
            Self.mark(series.labels, isHistogram: series.isHistogram, at: time, &batch)
        }
        inherited = [:]
        entries = [:]
        return batch
    }

    /// What is told about the scrape itself.
    func report(_ report: ScrapeReport, at time: Int64, to batch: inout MetricBatch) {
        for (name, value) in report.samples {
            let series = batch.append(target.setting(Labels.metricName, name))
            batch.append(series: series, time: time, value: value)
        }
    }

    /// The report's series end.
    func endReport(at time: Int64, to batch: inout MetricBatch) {
        var report = ScrapeReport()
        if job.reportsExtra { report.extra = ScrapeReport.Extra() }
        for (name, _) in report.samples {
            Self.mark(target.setting(Labels.metricName, name), isHistogram: false, at: time, &batch)
        }
    }

    /// Series of the last round, by identity of their final labels.
    private var live: [SeriesID: (labels: Labels, isHistogram: Bool)] {
        var live: [SeriesID: (labels: Labels, isHistogram: Bool)] = [:]
        for entry in entries.values where entry.round == round && entry.isTracked {
            if case .kept(let labels, let id) = entry.fate {
                live[id] = (labels, entry.isHistogram)
            }
        }
        return live
    }

    /// The number in `result.batch` of a series as exposed; `nil` if it is not kept.
    private mutating func place(
        _ raw: Int, _ exposed: ExposedMetrics, at time: Int64, isHistogram: Bool,
        _ result: inout ScrapeResult
    ) -> UInt32? {
        let rawID = exposed.batch.seriesIDs[raw]
        let known = entries[rawID]
        let fate = known?.fate ?? decide(exposed.batch.labels(raw))
        if case .kept(let labels, let id) = fate,
            !taken.insert(Stamp(id: id, time: time)).inserted
        {
            result.repeated += 1
            if result.repetition.isEmpty { result.repetition = "\(labels)" }
            // Its series goes on, under whatever labels it was exposed.
            if known != nil { entries[rawID]?.round = round }
            return nil
        }
        if case .kept = fate, job.limits.samples > 0, result.kept >= job.limits.samples {
            result.cut += 1
            return nil
        }
        if known == nil, case .kept = fate { result.added += 1 }
        entries[rawID] = Entry(
            fate: fate, round: round,
            isTracked: !exposed.hasOwnTime[raw] || job.tracksTimestampStaleness,
            isHistogram: isHistogram)
        switch fate {
        case .dropped: return nil
        case .refused(let reason):
            result.refused += 1
            if result.refusal.isEmpty { result.refusal = reason }
            return nil
        case .kept(let labels, let id):
            result.kept += 1
            result.batch.labelBytes.append(contentsOf: labels.bytes)
            result.batch.labelEnds.append(UInt32(result.batch.labelBytes.count))
            result.batch.seriesIDs.append(id)
            return UInt32(result.batch.labelEnds.count - 1)
        }
    }

    /// The final labels of a series: those of the target joined, then the metric rules.
    private func decide(_ exposed: Labels) -> Fate {
        var labels = LabelBuilder(exposed)
        for (name, value) in targetPairs {
            let own = labels[name]
            if !own.isEmpty {
                if job.honorsLabels { continue }
                var moved = "exported_" + name
                while !labels[moved].isEmpty || !target[moved, default: ""].isEmpty {
                    moved = "exported_" + moved
                }
                labels[moved] = own
            }
            labels[name] = value
        }
        guard RelabelRule.apply(job.metricRules, to: &labels) else { return .dropped }
        guard !labels[Labels.metricName].isEmpty else {
            return .refused("a rule took the name of \(exposed)")
        }
        if let reason = excess(labels.pairs) { return .refused("\(reason) of \(exposed)") }
        let final = labels.labels
        return .kept(final, final.seriesID)
    }

    private func excess(_ pairs: [(name: String, value: String)]) -> String? {
        let limits = job.limits
        if limits.labels > 0, pairs.count > limits.labels {
            return "label_limit \(limits.labels) is below the \(pairs.count) labels"
        }
        for (name, value) in pairs {
            if limits.labelNameBytes > 0, name.utf8.count > limits.labelNameBytes {
                return "label_name_length_limit is below the label \(name.prefix(80))"
            }
            if limits.labelValueBytes > 0, value.utf8.count > limits.labelValueBytes {
                return "label_value_length_limit is below the value of \(name.prefix(80))"
            }
        }
        return nil
    }

    /// Marks and forgets the series that were there before and are not in this round.
    private mutating func endUnseen(at time: Int64, _ batch: inout MetricBatch) {
        let unseen = entries.filter { $0.value.round != round }
        guard !unseen.isEmpty || !inherited.isEmpty else { return }
        // Two series as exposed may share their final labels, which go on with either.
        let live = self.live
        var ended = inherited
        inherited = [:]
        for (rawID, entry) in unseen {
            entries[rawID] = nil
            if case .kept(let labels, let id) = entry.fate, entry.isTracked {
                ended[id] = (labels, entry.isHistogram)
            }
        }
        for (id, series) in ended where live[id] == nil {
            Self.mark(series.labels, isHistogram: series.isHistogram, at: time, &batch)
        }
    }

    private static func mark(
        _ labels: Labels, isHistogram: Bool, at time: Int64, _ batch: inout MetricBatch
    ) {
        let series = batch.append(labels)
        guard isHistogram else {
            return batch.append(series: series, time: time, value: Sample.staleMarker)
        }
        var histogram = NativeHistogram(schema: 0)
        histogram.sum = Sample.staleMarker
        batch.histograms.append(HistogramSample(series: series, time: time, histogram: histogram))
    }
}

extension Labels {
    fileprivate subscript(name: String, default standard: String) -> String {
        self[name] ?? standard
    }
}

/// What is kept of one scrape.
struct ScrapeResult: Sendable {
    var batch = MetricBatch()
    /// Samples exposed.
    var scraped = 0
    /// Samples kept.
    var kept = 0
    /// Series that were not there in the scrape before.
    var added = 0
    /// Samples beyond `sample_limit`.
    var cut = 0
    /// Samples whose labels break a limit, and why the first of them does.
    var refused = 0
    var refusal = ""
    /// Samples of a series and time that another one had before, and the first such series.
    var repeated = 0
    var repetition = ""
}

/// The series that every scrape adds about itself, named as Prometheus does.
struct ScrapeReport: Sendable {
    var isUp = false
    var seconds = 0.0
    var scraped = 0
    var afterRules = 0
    var added = 0
    /// `nil` where the job does not ask for it.
    var extra: Extra?

    /// What `extra_scrape_metrics` of a job adds.
    struct Extra {
        var timeoutSeconds = 0.0
        /// 0 for no limit.
        var sampleLimit = 0
        /// Of the whole answer without compression: 0 if there was none, −1 beyond the limit.
        var bodyBytes = 0

        fileprivate var samples: [(name: String, value: Double)] {
            [
                ("scrape_timeout_seconds", timeoutSeconds),
                ("scrape_sample_limit", Double(sampleLimit)),
                ("scrape_body_size_bytes", Double(bodyBytes)),
            ]
        }
    }

    var samples: [(name: String, value: Double)] {
        [
            ("up", isUp ? 1 : 0), ("scrape_duration_seconds", seconds),
            ("scrape_samples_scraped", Double(scraped)),
            ("scrape_samples_post_metric_relabeling", Double(afterRules)),
            ("scrape_series_added", Double(added)),
        ] + (extra?.samples ?? [])
    }
}
