import Telemetry

/// One output series of an evaluation: a value, or none, at every step.
///
/// Presence is boxed into the values: `StepValue.absent` stands where there is no value. It is the bit
/// pattern of the staleness marker, which no evaluation ever yields (a stale sample is no sample), so
/// every other NaN stays a value. Where there is a histogram, `values` holds `StepValue.histogram`.
package struct StepSeries: Sendable {
    package var labels: Labels
    /// One entry a step.
    package var values: [Double]
    /// One entry a step, or none at all: most series have no histograms.
    package var histograms: [HistogramValue?]
    /// Whether its value is no longer the metric's: what describes the metric stays among the labels until the
    /// query ends, for those that ask for it, and is then dropped.
    package var dropsName: Bool

    package init(
        labels: Labels, values: [Double], histograms: [HistogramValue?] = [],
        dropsName: Bool = false
    ) {
        self.labels = labels
        self.values = values
        self.histograms = histograms
        self.dropsName = dropsName
    }

    package var hasHistograms: Bool { !histograms.isEmpty }

    package func histogram(_ step: Int) -> HistogramValue? {
        histograms.isEmpty ? nil : histograms[step]
    }

    /// Puts a histogram where there was any value or none.
    package mutating func set(_ histogram: HistogramValue, at step: Int) {
        if histograms.isEmpty {
            histograms = [HistogramValue?](repeating: nil, count: values.count)
        }
        histograms[step] = histogram
        values[step] = StepValue.histogram
    }

    /// Puts a number where there was any value or none.
    package mutating func set(_ value: Double, at step: Int) {
        values[step] = value
        if !histograms.isEmpty { histograms[step] = nil }
    }

    /// Without its histograms.
    package var numbers: StepSeries {
        guard hasHistograms else { return self }
        var values = values
        for step in values.indices where histograms[step] != nil {
            values[step] = StepValue.absent
        }
        return StepSeries(labels: labels, values: values, dropsName: dropsName)
    }

    /// Steps that have a value.
    package var presentCount: Int {
        var count = 0
        for value in values where StepValue.isPresent(value) { count += 1 }
        return count
    }

    package var isEmpty: Bool { !values.contains(where: StepValue.isPresent) }
}

/// The encoding of presence in a column of steps.
package enum StepValue {
    @usableFromInline package static let absentBits: UInt64 = 0x7FF0_0000_0000_0002

    @inlinable @inline(__always) package static var absent: Double {
        Double(bitPattern: 0x7FF0_0000_0000_0002)
    }
    @inlinable @inline(__always) package static func isPresent(_ value: Double) -> Bool {
        value.bitPattern != 0x7FF0_0000_0000_0002
    }
    /// Stands where the series has a histogram; where it has none it is a NaN like others.
    @inlinable @inline(__always) package static var histogram: Double {
        Double(bitPattern: 0x7FF0_0000_0000_0003)
    }
}
