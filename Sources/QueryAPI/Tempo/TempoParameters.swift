import HTTPServer
import QueryCore
import Telemetry
import TraceQL

/// Reads parameters as Tempo does, with the wording of its errors.
struct TempoParameters {
    private let parameters: Parameters
    private let now: Timestamp

    private static let limit = 20
    private static let spansPerSet = 3
    /// Spans shown of one set at most: more than a list can show.
    private static let spansPerSetMax = 10_000
    /// How far back metrics look without `start` or `since`.
    private static let since: Int64 = 3_600 * 1_000_000_000
    /// Tempo's default and bound.
    static let exemplarsMax = 100
    private static let second: Int64 = 1_000_000_000

    init(_ parameters: Parameters, now: Timestamp) {
        self.parameters = parameters
        self.now = now
    }

    func text(_ name: String) -> String? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        return text
    }

    /// Seconds or nanoseconds since the epoch, or RFC 3339.
    private func time(_ name: String) throws(HTTPError) -> Timestamp? {
        guard let text = text(name), text != "0" else { return nil }
        guard let time = TimeText.loki(text) else {
            throw .badRequest("invalid \(name): \"\(text)\" is not a time")
        }
        return time
    }

    /// `start` to `end`, the whole second of the end included; everything without them.
    func range() throws(HTTPError) -> TimeRange {
        let start = try time("start")
        let end = try time("end")
        if let start, let end, end <= start {
            throw .badRequest(
                "http parameter start must be before end. received start=\(text("start") ?? "") "
                    + "end=\(text("end") ?? "")")
        }
        let isInSeconds = (text("end") ?? "").utf8.count <= 10
        return TimeRange(
            start: start ?? .distantPast,
            end: end?.advanced(byNanoseconds: isInSeconds ? Self.second : 1) ?? .distantFuture)
    }

    func search(_ limits: AnswerLimits) throws(HTTPError) -> TraceQLSearch {
        var search = TraceQLSearch(query: try query(), range: try range())
        search.limit = min(
            try count("limit", default: Self.limit, min: 1), limits.tracesMax)
        let asked = try count("spss", default: 0, min: 0)
        // As Tempo has it, 0 is none asked for.
        search.spansPerSet = asked == 0 ? Self.spansPerSet : min(asked, Self.spansPerSetMax)
        let shortest = try duration("minDuration") ?? 0
        let longest = try duration("maxDuration") ?? .max
        guard shortest <= longest else {
            throw .badRequest("invalid maxDuration: must be greater than minDuration")
        }
        search.traceDuration = shortest...longest
        let paging = try PageParameters(parameters)
        do throws(QueryError) { search.page = try paging.page(of: search.identity) } catch {
            throw HTTPError(error)
        }
        return search
    }

    /// Names in a scope or values of a tag; 0 asks for all.
    func valuesLimit(_ most: Int) throws(HTTPError) -> Int {
        let limit = try count("limit", default: 0, min: 0)
        return limit == 0 ? most : min(limit, most)
    }

    private static let names: Set<String> = [
        "q", "tags", "limit", "start", "end", "since", "spss", "minDuration", "maxDuration",
        "mostRecent", "debug",
    ]

    /// `q`, or what `tags` or, as of old, parameters of other names ask for in TraceQL.
    private func query() throws(HTTPError) -> String {
        guard let tags = text("tags") else {
            if let query = text("q") { return query }
            let others = parameters.entries.filter {
                !Self.names.contains($0.name) && !$0.name.isEmpty && !$0.value.isEmpty
            }
            return others.isEmpty ? "{}" : TempoTags.query(others.map { ($0.name, $0.value) })
        }
        guard text("q") == nil else {
            throw .badRequest("invalid request: can't specify tags and q in the same query")
        }
        let pairs: [(key: String, value: String)]
        do throws(TempoTags.Mistake) { pairs = try TempoTags.pairs(tags) } catch {
            throw .badRequest("invalid tags: \(error.reason)")
        }
        return TempoTags.query(pairs)
    }

    private func count(
        _ name: String, default value: Int, min least: Int
    ) throws(HTTPError) -> Int {
        guard let text = text(name) else { return value }
        guard let count = Int(text) else {
            throw .badRequest("invalid \(name): \"\(text)\" is not a number")
        }
        guard count >= least else {
            throw .badRequest("invalid \(name): must be a positive number")
        }
        return count
    }

    /// Nanoseconds.
    private func duration(_ name: String) throws(HTTPError) -> Int64? {
        guard let text = text(name) else { return nil }
        guard let duration = TimeText.goDuration(text), duration >= 0 else {
            throw .badRequest("invalid \(name): \"\(text)\" is not a duration such as 100ms")
        }
        return duration
    }

    // MARK: Metrics

    /// `start` to `end`; without a start `since` before the end.
    func metricsRange() throws(HTTPError) -> TimeRange {
        let end = try time("end") ?? now
        var back = Self.since
        if let text = text("since") {
            guard let since = DurationText.parse(text), since > 0 else {
                throw .badRequest("invalid since: \"\(text)\" is not a duration such as 1h")
            }
            back = since
        }
        let start = try time("start") ?? end.advanced(byNanoseconds: -back)
        guard start < end else { throw .badRequest("end must be greater than start") }
        return TimeRange(start: start, end: end)
    }

    /// Spans that series name as examples, of all series together.
    func exemplars() throws(HTTPError) -> Int {
        min(try count("exemplars", default: Self.exemplarsMax, min: 0), Self.exemplarsMax)
    }

    /// Nanoseconds between the values of a range query: `step`, a duration or seconds.
    func step(_ range: TimeRange) throws(HTTPError) -> Int64 {
        guard let text = text("step") else { return Self.usualStep(range) }
        if let step = DurationText.parse(text), step > 0 { return step }
        if let seconds = Double(text), seconds > 0, seconds < 1e9 {
            return max(1, Int64(seconds * 1e9))
        }
        throw .badRequest("invalid step: \"\(text)\" is not a duration such as 15s")
    }

    /// Some 240 values, at round distances.
    private static func usualStep(_ range: TimeRange) -> Int64 {
        let wanted = range.end.nanoseconds(since: range.start) / 240
        let units: [Int64] = [3_600, 300, 60, 15, 5, 1]
        for unit in units.map({ $0 * second }) where wanted > unit { return wanted / unit * unit }
        if range.end.nanoseconds(since: range.start) >= 60 * second { return second }
        let fine = second / 20
        return max(fine, wanted / fine * fine)
    }
}

extension TraceQLSearch {
    /// What is searched for, wherever and however much of it.
    var identity: String {
        "\(query) \(traceDuration.lowerBound) \(traceDuration.upperBound)"
    }
}
