import Telemetry

/// What is kept of a span's end that lies before its start: such a span is stored without a duration, and
/// the time that was sent as an attribute.
package enum RawEnd {
    /// Nanoseconds since 1970, as an integer or, beyond its range, as text.
    package static let attribute = "sidelight.raw_end_unix_nano"

    /// Adds the attribute to the span whose attributes are the last ones of the batch.
    static func keep(_ end: UInt64, in batch: inout SpanBatch) {
        keep(Int128(end), in: &batch)
    }

    /// Adds the attribute to the span whose attributes are the last ones of the batch, of a format that tells
    /// how long spans took.
    /// - Parameters:
    ///   - duration: below zero.
    ///   - unit: nanoseconds.
    static func keep(
        _ start: Timestamp, _ duration: Int64, unit: Int64, in batch: inout SpanBatch
    ) {
        keep(Int128(start.nanoseconds) + Int128(duration) * Int128(unit), in: &batch)
    }

    private static func keep(_ end: Int128, in batch: inout SpanBatch) {
        let key = batch.strings.intern(attribute)
        if let number = Int64(exactly: end) {
            batch.attributes.append(key: key, type: .int, payload: UInt64(bitPattern: number))
        } else {
            let text = batch.strings.intern(String(end))
            batch.attributes.append(key: key, type: .string, payload: UInt64(text))
        }
    }
}
