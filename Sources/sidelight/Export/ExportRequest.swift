import Telemetry

/// What is to be exported: the items of some signals whose time lies in a range. Spans count by their
/// start.
struct ExportRequest: Sendable {
    var range: TimeRange
    var signals: [ImportFormat.Signal]

    /// `traces,logs` and so on, separated by commas; nothing is all of them.
    static func signals(_ lists: [String]) throws(ConfigurationError) -> [ImportFormat.Signal] {
        var signals: [ImportFormat.Signal] = []
        for name in lists.flatMap({ $0.split(separator: ",") }) {
            guard let signal = ImportFormat.Signal(rawValue: String(name)) else {
                throw ConfigurationError(
                    description: "signal is \"\(name)\", expected traces, metrics or logs")
            }
            if !signals.contains(signal) { signals.append(signal) }
        }
        return signals.isEmpty ? ImportFormat.Signal.allCases : signals
    }
}

/// Times as people write them: RFC 3339, seconds since the epoch, `now`, `now-2h`.
enum TimeArgument {
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
}

/// What an export holds.
struct ExportCounts: Sendable {
    var spans = 0
    var logs = 0
    var samples = 0

    static func += (a: inout ExportCounts, b: ExportCounts) {
        a.spans += b.spans
        a.logs += b.logs
        a.samples += b.samples
    }
}
