import HTTPServer
import Store
import Telemetry

/// Reads parameters as Loki does, with the wording of its errors.
struct LokiParameters {
    let parameters: Parameters
    /// Whether the client can read a third element of entries.
    let wantsCategorizedLabels: Bool
    private let now: Timestamp

    /// How far back queries look without `start`: Loki's hour.
    static let queryLookback: Int64 = 3_600 * 1_000_000_000
    /// How far back lists of labels look without `start`: Loki's six hours.
    static let labelLookback: Int64 = 6 * 3_600 * 1_000_000_000
    private static let limit = 100
    /// Points of a range without `step`, as Loki counts.
    private static let points: Int64 = 250

    init(_ request: HTTPRequest, now: Timestamp) {
        parameters = request.parameters
        self.now = now
        wantsCategorizedLabels = request.headers.values("x-loki-response-encoding-flags")
            .contains { $0.contains("categorize-labels") }
    }

    func time(_ name: String) throws(HTTPError) -> Timestamp? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        guard let time = TimeText.loki(text) else {
            throw .badRequest("cannot parse \"\(text)\" to a valid timestamp")
        }
        return time
    }

    /// `start` to `end`; without a start, `since` or `lookback` before the end.
    func range(lookback: Int64) throws(HTTPError) -> TimeRange {
        let end = try time("end") ?? now
        var back = lookback
        if let since = parameters["since"], !since.isEmpty {
            back = try duration(since)
        }
        // An end in the future does not move the default start there.
        let start = try time("start") ?? min(end, now).advanced(byNanoseconds: -back)
        return TimeRange(start: start, end: end)
    }

    func direction() throws(HTTPError) -> ScanDirection {
        switch (parameters["direction"] ?? "").lowercased() {
        case "", "backward": .newestFirst
        case "forward": .oldestFirst
        default: throw .badRequest("invalid direction '\(parameters["direction"] ?? "")'")
        }
    }

    func limit(_ limits: AnswerLimits) throws(HTTPError) -> Int {
        guard let text = parameters["limit"], !text.isEmpty else { return Self.limit }
        guard let limit = Int(text) else {
            throw .badRequest("cannot parse \"\(text)\" to a valid limit")
        }
        guard limit > 0 else { throw .badRequest("limit must be a positive value") }
        guard limit <= limits.linesMax else {
            throw .badRequest(
                "max entries limit per query exceeded, limit > max_entries_limit_per_query "
                    + "(\(limit) > \(limits.linesMax))")
        }
        return limit
    }

    /// Milliseconds between the points of a metric query.
    func step(_ range: TimeRange) throws(HTTPError) -> Int64 {
        guard let text = parameters["step"], !text.isEmpty else {
            let seconds = range.end.nanoseconds(since: range.start) / 1_000_000_000
            return max(1, seconds / Self.points) * 1_000
        }
        let step = try duration(text) / 1_000_000
        guard step > 0 else {
            throw .badRequest(
                "zero or negative query resolution step widths are not accepted. Try a positive "
                    + "integer")
        }
        return step
    }

    /// Nanoseconds that lines of the answer are apart at least; 0 for all lines.
    func interval() throws(HTTPError) -> Int64 {
        guard let text = parameters["interval"], !text.isEmpty else { return 0 }
        let interval = try duration(text)
        guard interval >= 0 else { throw .badRequest("interval must be >= 0") }
        return interval
    }

    /// A whole number under `name`, from 1 to `most`.
    func count(_ name: String, default standard: Int, most: Int) throws(HTTPError) -> Int {
        guard let text = parameters[name], !text.isEmpty else { return standard }
        guard let count = Int(text), count > 0 else {
            throw .badRequest("\(name) must be a positive number, not \"\(text)\"")
        }
        return min(count, most)
    }

    /// The names in a list with commas; `nil` without the parameter.
    func names(_ name: String) -> [String]? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        return text.split(separator: ",").map { $0.filter { $0 != " " } }
    }

    /// The selectors under `name` that say something.
    func selectors(_ name: String) -> [String] {
        parameters.all(name).filter { !$0.isEmpty }
    }

    /// Nanoseconds from seconds or a duration such as `5m`.
    private func duration(_ text: String) throws(HTTPError) -> Int64 {
        guard let milliseconds = TimeText.promQLDuration(text) else {
            throw .badRequest("cannot parse \"\(text)\" to a valid duration")
        }
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else {
            throw .badRequest("cannot parse \"\(text)\" to a valid duration. It overflows int64")
        }
        return nanoseconds
    }
}
