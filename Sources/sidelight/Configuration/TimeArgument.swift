import Telemetry

/// Times as people write them: RFC 3339, seconds since the epoch, `now`, `now-2h`.
enum TimeArgument {
    static let hourNanoseconds: Int64 = 3_600_000_000_000

    /// - Throws: `ConfigurationError` that names `flag`.
    static func parse(
        _ text: String, flag: String, now: Timestamp
    ) throws(ConfigurationError) -> Timestamp {
        if text == "now" { return now }
        if text.hasPrefix("now-"), let ago = DurationText.nanoseconds(String(text.dropFirst(4))) {
            return now.advanced(byNanoseconds: -ago)
        }
        if let seconds = Int64(text) { return Timestamp(seconds: seconds) }
        if let seconds = Double(text), seconds.magnitude < 9e9 {
            return Timestamp(nanoseconds: Int64((seconds * 1e9).rounded()))
        }
        if let time = RFC3339.parse(text) { return time }
        throw ConfigurationError(
            description:
                "\(flag) is \"\(text)\", expected a time such as 2026-11-21T12:00:00Z, seconds "
                + "since 1970, now or now-2h")
    }

    /// `nil` where the flag is not given.
    static func parse(
        _ text: String?, flag: String, now: Timestamp
    ) throws(ConfigurationError) -> Timestamp? {
        guard let text else { return nil }
        return try parse(text, flag: flag, now: now) as Timestamp
    }

    /// From `--from` on, before `--to`.
    static func range(
        from: String, to: String, now: Timestamp
    ) throws(ConfigurationError) -> TimeRange {
        let range = TimeRange(
            start: try parse(from, flag: "--from", now: now),
            end: try parse(to, flag: "--to", now: now))
        guard range.start < range.end else {
            throw ConfigurationError(description: "--from \(from) is not before --to \(to)")
        }
        return range
    }
}
