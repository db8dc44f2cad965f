import QueryCore
import Telemetry

/// A few label names, compared with canonical label bytes without building strings.
struct LabelNames: Sendable {
    private let names: [[UInt8]]

    init(_ names: [String]) { self.names = names.map { Array($0.utf8) } }

    func contains(_ name: UnsafeRawBufferPointer) -> Bool {
        names.contains { $0.count == name.count && name.elementsEqual($0) }
    }

    /// What describes the metric rather than the series: dropped where the meaning changes.
    static let metadata = LabelNames(metadataNames)
    static let metadataNames = [Labels.metricName, "__type__", "__unit__"]
}

extension Labels {
    /// Without the metric's name, type and unit.
    var withoutName: Labels { filter { !LabelNames.metadata.contains($0) } }

    func keeping(_ names: LabelNames) -> Labels { filter { names.contains($0) } }
    func dropping(_ names: LabelNames) -> Labels { filter { !names.contains($0) } }
}

/// Collects output series so that each label set stands once; series with the same labels are joined
/// where their values do not overlap.
struct SeriesCollector {
    private(set) var series: [StepSeries] = []
    private var indices: [Key: Int] = [:]

    /// Series that lose their names in the end are others than those that keep them.
    private struct Key: Hashable {
        var labels: Labels
        var dropsName: Bool
    }

    static let duplicate = QueryError.execution(
        "vector cannot contain metrics with the same labelset")

    init(capacity: Int = 0) {
        series.reserveCapacity(capacity)
        indices.reserveCapacity(capacity)
    }

    /// Adds a series; one without values is dropped.
    mutating func add(
        _ labels: Labels, _ values: [Double], histograms: [HistogramValue?] = [],
        dropsName: Bool = false
    ) throws(QueryError) {
        guard values.contains(where: StepValue.isPresent) else { return }
        let key = Key(labels: labels, dropsName: dropsName)
        guard let index = indices[key] else {
            indices[key] = series.count
            series.append(
                StepSeries(
                    labels: labels, values: values, histograms: histograms, dropsName: dropsName))
            return
        }
        for (step, value) in values.enumerated() where StepValue.isPresent(value) {
            guard !StepValue.isPresent(series[index].values[step]) else { throw Self.duplicate }
            if !histograms.isEmpty, let histogram = histograms[step] {
                series[index].set(histogram, at: step)
            } else {
                series[index].values[step] = value
            }
        }
    }

    /// Adds a series, changed but for its labels.
    mutating func add(_ labels: Labels, _ changed: StepSeries) throws(QueryError) {
        try add(
            labels, changed.values, histograms: changed.histograms, dropsName: changed.dropsName)
    }
}
