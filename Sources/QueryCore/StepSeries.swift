import Telemetry

/// One output series of an evaluation: a value, or none, at every step.
///
/// Presence is boxed into the values: `StepValue.absent` stands where there is no value. It is the bit
/// pattern of the staleness marker, which no evaluation ever yields (a stale sample is no sample), so
/// every other NaN stays a value.
package struct StepSeries: Sendable {
    package var labels: Labels
    /// One entry a step.
    package var values: [Double]

    package init(labels: Labels, values: [Double]) {
        self.labels = labels
        self.values = values
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
}
