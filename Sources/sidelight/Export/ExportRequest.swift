import Telemetry

/// What is to be exported: the items of some signals whose time lies in a range. Spans count by their
/// start.
struct ExportRequest: Sendable {
    var range: TimeRange
    var signals: [ImportFormat.Signal]
    /// Whether series that are counted from spans stay out: whoever imports the spans counts them again.
    var leavesOutDerived = false

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
