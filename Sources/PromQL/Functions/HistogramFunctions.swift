import Foundation
import QueryCore
import Telemetry

/// The bucket series of one classic histogram.
private struct BucketGroup {
    var labels: Labels
    /// By ascending bound.
    var series: [(bound: Double, values: [Double])] = []
}

/// What was repaired in the buckets of classic histograms, over all of them.
private struct RepairNote {
    var bounds: ClosedRange<Double>
    var differenceMax: Double
    var count: Int
    var times: ClosedRange<Int64>

    static func merge(
        _ note: inout RepairNote?, _ repairs: ClassicBuckets.Repairs, at time: Int64
    ) {
        guard let known = note else {
            note = RepairNote(
                bounds: repairs.bounds, differenceMax: repairs.differenceMax, count: 1,
                times: time...time)
            return
        }
        note = RepairNote(
            bounds: min(
                known.bounds.lowerBound, repairs.bounds.lowerBound)...max(
                    known.bounds.upperBound, repairs.bounds.upperBound),
            differenceMax: max(known.differenceMax, repairs.differenceMax),
            count: known.count + 1,
            times: min(known.times.lowerBound, time)...max(known.times.upperBound, time))
    }

    var text: String {
        "input to histogram_quantile needed to be fixed for monotonicity "
            + "(see https://prometheus.io/docs/prometheus/latest/querying/functions/"
            + "#histogram_quantile), from buckets \(NumberFormat.general(bounds.lowerBound)) to "
            + "\(NumberFormat.general(bounds.upperBound)), with a max diff of "
            + "\(String(format: "%.2g", differenceMax)), over \(count) samples from "
            + "\(Self.date(times.lowerBound)) to \(Self.date(times.upperBound))"
    }

    private static func date(_ milliseconds: Int64) -> String {
        RFC3339.string(Timestamp(seconds: milliseconds / 1_000))
    }
}

extension Evaluator {
    mutating func histogramQuantile(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        try quantiles(
            try scalar(node.arguments[0]), node.arguments[0], of: node.arguments[1])
    }

    /// - Parameter parameter: the expression of the quantile.
    mutating func quantiles(
        _ quantile: StepScalar, _ parameter: Expression, of argument: Expression
    ) throws(QueryError) -> [StepSeries] {
        noteQuantile(quantile, parameter)
        let notes = notes
        var repairs: RepairNote?
        let times = steps
        let series = try histograms(
            argument,
            classic: { buckets, step in
                let value = buckets.quantile(quantile[step])
                if let found = buckets.repairs {
                    RepairNote.merge(&repairs, found, at: times.time(step))
                }
                return value
            },
            native: { histogram, step in
                let (value, caveat) = histogram.quantile(quantile[step])
                notes.note(caveat, of: argument)
                return value
            })
        if let repairs { notes.inform(repairs.text, at: argument.range) }
        return series
    }

    mutating func histogramFraction(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        let lower = try scalar(node.arguments[0])
        let upper = try scalar(node.arguments[1])
        let notes = notes
        let argument = node.arguments[2]
        return try histograms(
            argument,
            classic: { buckets, step in buckets.fraction(from: lower[step], to: upper[step]) },
            native: { histogram, step in
                let (value, caveat) = histogram.fraction(from: lower[step], to: upper[step])
                notes.note(caveat, of: argument)
                return value
            })
    }

    /// Computes a number of each histogram and step: of native ones, and of classic ones whose buckets
    /// differ by `le` alone. Where both are there under the same labels, neither counts.
    mutating func histograms(
        _ argument: Expression, classic: (inout ClassicBuckets, Int) -> Double,
        native: (HistogramValue, Int) -> Double
    ) throws(QueryError) -> [StepSeries] {
        let input = try vector(argument)
        let groups = bucketGroups(input.map(\.numbers).filter { !$0.isEmpty }, argument)
        var collector = SeriesCollector(capacity: groups.count)
        let natives = Dictionary(
            input.filter(\.hasHistograms).map { ($0.labels, $0) }, uniquingKeysWith: { a, _ in a })
        var contested: Set<Labels> = []
        var buckets = ClassicBuckets()
        for group in groups {
            try context.check()
            let rival = natives[group.labels]
            if rival != nil { contested.insert(group.labels) }
            var values = [Double](repeating: StepValue.absent, count: steps.count)
            for step in 0..<steps.count {
                buckets.buckets.removeAll(keepingCapacity: true)
                for series in group.series where series.values[step].isPresentStep {
                    buckets.buckets.append(
                        ClassicBuckets.Bucket(
                            upperBound: series.bound, count: series.values[step]))
                }
                let other = rival?.histogram(step)
                if buckets.buckets.isEmpty {
                    if let other { values[step] = native(other, step) }
                } else if other != nil {
                    notes.warn(
                        "vector contains a mix of classic and native histograms",
                        at: argument.range)
                } else {
                    values[step] = classic(&buckets, step)
                }
            }
            try collector.add(group.labels, values, dropsName: true)
        }
        for series in input where series.hasHistograms && !contested.contains(series.labels) {
            try context.check()
            let values = series.histograms.enumerated().map { step, histogram in
                histogram.map { native($0, step) } ?? StepValue.absent
            }
            try collector.add(series.labels, values, dropsName: true)
        }
        return collector.series
    }

    private func bucketGroups(_ input: [StepSeries], _ argument: Expression) -> [BucketGroup] {
        let bound = LabelNames(["le"])
        var groups: [BucketGroup] = []
        var indices: [Labels: Int] = [:]
        for series in input {
            let text = series.labels["le"] ?? ""
            guard let upperBound = Self.bucketBound(text) else {
                notes.warn(
                    "bucket label \"le\" is missing or has a malformed value of "
                        + QuotedText.quote(text), at: argument.range)
                continue
            }
            let labels = series.labels.dropping(bound)
            let index = indices[labels] ?? groups.count
            if index == groups.count {
                indices[labels] = index
                groups.append(BucketGroup(labels: labels))
            }
            groups[index].series.append((upperBound, series.values))
        }
        for index in groups.indices { groups[index].series.sort { $0.bound < $1.bound } }
        return groups
    }

    private static func bucketBound(_ text: String) -> Double? {
        switch text.lowercased() {
        case "+inf", "inf", "+infinity", "infinity": .infinity
        case "-inf", "-infinity": -.infinity
        default: Double(text)
        }
    }
}

extension QueryNotes {
    fileprivate func note(_ caveat: HistogramCaveat?, of argument: Expression) {
        switch caveat {
        case nil: break
        case .resultIsNaN:
            inform(
                "input to histogram_quantile has NaN observations, result is NaN",
                at: argument.range)
        case .isSkewed:
            inform(
                "input to histogram_quantile has NaN observations, result is skewed higher",
                at: argument.range)
        case .leavesOutNaN:
            inform(
                "input to histogram_fraction has NaN observations, which are excluded from all "
                    + "fractions", at: argument.range)
        }
    }
}
