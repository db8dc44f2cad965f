import PromQL
import Telemetry

/// Times and durations in the spellings that the APIs' clients send.
enum TimeText {
    /// Earliest and latest time in milliseconds that a `Timestamp` can hold.
    static let milliseconds: ClosedRange<Int64> =
        (Int64.min / 1_000_000)...(Int64.max / 1_000_000)

    /// Milliseconds since the epoch from seconds (with fraction, rounded) or RFC 3339; clamped to what
    /// a `Timestamp` can hold.
    static func promQL(_ text: String) -> Int64? {
        if let seconds = Double(text) {
            guard !seconds.isNaN else { return nil }
            let rounded = (seconds * 1_000).rounded()
            if rounded >= Double(milliseconds.upperBound) { return milliseconds.upperBound }
            if rounded <= Double(milliseconds.lowerBound) { return milliseconds.lowerBound }
            return Int64(rounded)
        }
        return RFC3339.parse(text).map(\.milliseconds)
    }

    /// Milliseconds from seconds (with fraction) or a duration such as `5m`.
    static func promQLDuration(_ text: String) -> Int64? {
        if let seconds = Double(text) {
            let scaled = seconds * 1_000
            guard scaled.magnitude < Double(milliseconds.upperBound) else { return nil }
            return Int64(scaled)
        }
        do { return try PromQLDuration.parse(text) } catch { return nil }
    }

    /// As Loki reads it: seconds with a fraction, whole seconds of up to ten digits, else nanoseconds;
    /// or RFC 3339.
    static func loki(_ text: String) -> Timestamp? {
        if text.contains("."), let seconds = Double(text) { return timestamp(seconds: seconds) }
        guard let number = Int64(text) else { return RFC3339.parse(text) }
        return text.utf8.count <= 10
            ? Timestamp(seconds: number) : Timestamp(nanoseconds: number)
    }

    static func timestamp(seconds: Double) -> Timestamp? {
        let scaled = (seconds * 1e9).rounded()
        guard scaled.magnitude < 0x1p63 else { return nil }
        return Timestamp(nanoseconds: Int64(scaled))
    }

    private static let goUnits: [(name: String, nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9),
        ("h", 3_600e9),
    ]

    /// Nanoseconds from Go's notation: `1.5s`, `300ms`, `1h15m`, `0`.
    static func goDuration(_ text: String) -> Int64? {
        var rest = text[...]
        var sign = 1.0
        if let first = rest.first, first == "-" || first == "+" {
            sign = first == "-" ? -1 : 1
            rest = rest.dropFirst()
        }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
            rest = rest.dropFirst(letters.count)
            guard let number = Double(digits),
                let unit = goUnits.first(where: { $0.name == letters })
            else { return nil }
            total += number * unit.nanoseconds
        }
        guard total < 0x1p63 else { return nil }
        return Int64((sign * total).rounded())
    }
}
