import Store
import Telemetry

/// Bounds how many series a metric may have on one target (`job` and `instance`), and adds up what is
/// beyond it.
///
/// A label that holds user ids or timestamps makes series without end. The first `seriesMax` of a metric
/// on a target are kept; the samples of all others become one series with the labels `__name__`, `job`,
/// `instance` and `__overflow__="true"`, whose value at a time is the sum of theirs at that time, in
/// however many requests they come and however often (`FoldedSums`). Counted are series that were written
/// in the last quarter of an hour.
struct SeriesAllowance: Sendable {
    /// The label of the series that stands for those beyond the bound.
    static let label = "__overflow__"
    /// Offenders that are remembered; further ones are bounded, but not named.
    private static let offendersMax = 1_000

    private let seriesMax: Int
    private var counts: [UInt64: UInt32] = [:]
    /// Whether a series was not admitted since slots were counted last.
    private var isFull = false
    /// By metric and target.
    private var offenders: [UInt64: SeriesOverflow] = [:]
    private var sums = FoldedSums()
    /// Of all offenders, also those that are not named.
    private(set) var foldedSamples = 0
    /// Offenders that came since they were asked for last.
    private var unnamed: [SeriesOverflow] = []

    init(seriesMax: Int) { self.seriesMax = seriesMax }

    /// The worst first.
    var overflows: [SeriesOverflow] {
        offenders.values.sorted {
            ($1.foldedSamples, $0.metric, $0.instance) < ($0.foldedSamples, $1.metric, $1.instance)
        }
    }

    /// Counts a new series.
    /// - Parameter labels: canonical label bytes.
    /// - Returns: where it was counted, 0 if nowhere; `nil` if its metric has too many on its target
    ///   already.
    mutating func admit(_ labels: UnsafeRawBufferPointer) -> UInt64? {
        let key = Target.key(labels)
        guard counts[key, default: 0] >= seriesMax else {
            counts[key, default: 0] += 1
            return key
        }
        if labels.elementsEqual(Target(labels).overflowLabels.bytes) { return 0 }
        isFull = true
        return nil
    }

    /// Counts anew which series are alive, if others want to be let in.
    /// - Parameter places: where each series was counted; those for which `isAlive` is false have ended.
    mutating func recount(_ places: [UInt64], isAlive: (Int) -> Bool) {
        guard isFull else { return }
        isFull = false
        counts.removeAll(keepingCapacity: true)
        for index in places.indices where places[index] != 0 && isAlive(index) {
            counts[places[index], default: 0] += 1
        }
    }

    /// The batch with the samples of the series `beyond` added up. Native histograms and exemplars keep
    /// their series: they are not bounded.
    mutating func folding(_ batch: MetricBatch, beyond: [Int]) -> MetricBatch {
        var folded = MetricBatch()
        folded.metadata = batch.metadata
        var targets: [UInt32: Target] = [:]
        for series in beyond {
            let target = batch.labels(series).bytes.withUnsafeBytes { Target($0) }
            targets[UInt32(series)] = target
            note(target)
        }
        var overflows: [UInt64: UInt32] = [:]
        var kept: [UInt32: UInt32] = [:]
        for index in batch.sampleSeries.indices {
            let (series, time) = (batch.sampleSeries[index], batch.sampleTimes[index])
            var value = batch.sampleValues[index]
            let place: UInt32
            if let target = targets[series] {
                let id = batch.seriesIDs[Int(series)]
                guard let sum = sum(value, at: time, of: id, target.key) else { continue }
                value = sum
                place = overflows[target.key] ?? folded.append(target.overflowLabels)
                overflows[target.key] = place
            } else {
                place = kept[series] ?? folded.append(batch.labels(Int(series)))
                kept[series] = place
            }
            folded.append(series: place, time: time, value: value)
        }
        for var histogram in batch.histograms {
            let place = kept[histogram.series] ?? folded.append(batch.labels(Int(histogram.series)))
            kept[histogram.series] = place
            histogram.series = place
            folded.histograms.append(histogram)
        }
        for var exemplar in batch.exemplars {
            let place = kept[exemplar.series] ?? folded.append(batch.labels(Int(exemplar.series)))
            kept[exemplar.series] = place
            exemplar.series = place
            folded.exemplars.append(exemplar)
        }
        folded.starts = batch.starts(numberedBy: { kept[$0] })
        return folded
    }

    private mutating func note(_ target: Target) {
        guard offenders[target.key] == nil, offenders.count < Self.offendersMax else { return }
        let overflow = SeriesOverflow(
            metric: target.metric, job: target.job, instance: target.instance,
            seriesMax: seriesMax)
        offenders[target.key] = overflow
        unnamed.append(overflow)
    }

    mutating func takeNewOverflows() -> [SeriesOverflow] {
        defer { unnamed = [] }
        return unnamed
    }

    /// The sum of all samples of that time so far; of equal times the last one stays. `nil` if it is no
    /// longer known.
    private mutating func sum(
        _ value: Double, at time: Int64, of series: SeriesID, _ key: UInt64
    ) -> Double? {
        foldedSamples += 1
        if var offender = offenders[key] {
            offender.foldedSamples += 1
            offender.lastTime = max(offender.lastTime, time)
            offenders[key] = offender
        }
        // A marker says that one of many has ended; alone it says that they all have.
        if value.bitPattern == Sample.staleMarker.bitPattern {
            return sums.sum(of: key, at: time) ?? value
        }
        return sums.add(value, of: series.hash.low, at: time, to: key)
    }
}

/// A metric on a target.
private struct Target {
    /// Of the three labels.
    let key: UInt64
    let metric: String
    let job: String
    let instance: String

    /// - Parameter labels: canonical label bytes.
    init(_ labels: UnsafeRawBufferPointer) {
        key = Target.key(labels)
        let all = Labels(canonicalBytes: Array(labels))
        metric = all[Labels.metricName] ?? ""
        job = all["job"] ?? ""
        instance = all["instance"] ?? ""
    }

    static func key(_ labels: UnsafeRawBufferPointer) -> UInt64 {
        var cursor = LabelCursor(labels)
        var key: UInt64 = 0
        while let pair = cursor.next() {
            switch pair.name.count {
            case 3 where pair.name.elementsEqual("job".utf8),
                8 where pair.name.elementsEqual("__name__".utf8),
                8 where pair.name.elementsEqual("instance".utf8):
                // The labels come in one order.
                key = key &* 0x9E37_79B9_7F4A_7C15 ^ ContentHash(pair.encoded).low
            default: break
            }
        }
        return key
    }

    var overflowLabels: Labels {
        Labels([
            (name: Labels.metricName, value: metric),
            (name: SeriesAllowance.label, value: "true"), (name: "instance", value: instance),
            (name: "job", value: job),
        ])
    }
}
