/// An instant: nanoseconds since 1970-01-01T00:00:00Z, leap seconds ignored, as OTLP's `fixed64
/// *_unix_nano` fields. Covers the years 1677 to 2262.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    /// Saturates at the ends of the representable range.
    package init(milliseconds: Int64) {
        nanoseconds = Timestamp.scaled(milliseconds, by: 1_000_000)
    }
    package init(microseconds: Int64) { nanoseconds = Timestamp.scaled(microseconds, by: 1_000) }
    package init(seconds: Int64) { nanoseconds = Timestamp.scaled(seconds, by: 1_000_000_000) }
    /// From an OTLP `fixed64`; values past 2262 saturate.
    @inlinable package init(unixNanoseconds: UInt64) {
        nanoseconds = Int64(clamping: unixNanoseconds)
    }

    package var milliseconds: Int64 { Timestamp.floorDivide(nanoseconds, 1_000_000) }
    package var microseconds: Int64 { Timestamp.floorDivide(nanoseconds, 1_000) }
    package var seconds: Double { Double(nanoseconds) / 1e9 }

    package static let zero = Timestamp(nanoseconds: 0)
    package static let distantPast = Timestamp(nanoseconds: .min)
    package static let distantFuture = Timestamp(nanoseconds: .max)

    @inlinable package static func < (a: Timestamp, b: Timestamp) -> Bool {
        a.nanoseconds < b.nanoseconds
    }

    /// Saturating, so that `distantPast` and `distantFuture` absorb offsets.
    package func advanced(byNanoseconds delta: Int64) -> Timestamp {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(delta)
        return Timestamp(nanoseconds: overflow ? (delta < 0 ? .min : .max) : sum)
    }

    /// Nanoseconds from `earlier` to `self`, saturating.
    package func nanoseconds(since earlier: Timestamp) -> Int64 {
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        return overflow ? (nanoseconds < earlier.nanoseconds ? .min : .max) : difference
    }

    private static func scaled(_ value: Int64, by factor: Int64) -> Int64 {
        let (product, overflow) = value.multipliedReportingOverflow(by: factor)
        return overflow ? (value < 0 ? .min : .max) : product
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }
}

/// A half-open interval of instants, `[start, end)`.
package struct TimeRange: Hashable, Sendable {
    package var start: Timestamp
    package var end: Timestamp

    package init(start: Timestamp, end: Timestamp) {
        self.start = start
        self.end = end
    }

    package static let all = TimeRange(start: .distantPast, end: .distantFuture)

    package var isEmpty: Bool { end <= start }
    package func contains(_ instant: Timestamp) -> Bool { start <= instant && instant < end }
    /// Whether an item spanning `first ... last` (both included) touches this range.
    package func overlaps(first: Timestamp, last: Timestamp) -> Bool {
        first < end && start <= last
    }
}
