import HTTPServer
import PromQL
import QueryCore
import Store

/// Reads parameters with the wording of Prometheus's errors.
struct PrometheusParameters {
    let parameters: Parameters

    init(_ request: HTTPRequest) { self.init(request.parameters) }

    init(_ parameters: Parameters) { self.parameters = parameters }

    /// Milliseconds; `nil` if absent or empty.
    func time(_ name: String) throws(HTTPError) -> Int64? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        guard let time = TimeText.promQL(text) else {
            throw Self.invalid(name, "cannot parse \(QuotedText.quote(text)) to a valid timestamp")
        }
        return time
    }

    func requiredTime(_ name: String) throws(HTTPError) -> Int64 {
        guard let time = try time(name) else {
            throw Self.invalid(name, "cannot parse \"\" to a valid timestamp")
        }
        return time
    }

    /// Milliseconds; `nil` if absent or empty.
    func duration(_ name: String) throws(HTTPError) -> Int64? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        guard let duration = TimeText.promQLDuration(text) else {
            throw Self.invalid(name, "cannot parse \(QuotedText.quote(text)) to a valid duration")
        }
        return duration
    }

    /// The step of a range query, positive.
    func step() throws(HTTPError) -> Int64 {
        guard let step = try duration("step") else {
            throw Self.invalid("step", "cannot parse \"\" to a valid duration")
        }
        guard step > 0 else {
            throw Self.invalid(
                "step",
                "zero or negative query resolution step widths are not accepted. Try a positive "
                    + "integer")
        }
        return step
    }

    func timeout() throws(HTTPError) -> Duration? {
        try duration("timeout").map { .milliseconds(max(0, $0)) }
    }

    /// How many entries to show; 0 (also when absent) means all.
    func limit(_ name: String = "limit") throws(HTTPError) -> Int {
        guard let text = parameters[name], !text.isEmpty else { return 0 }
        guard let limit = Int(text) else {
            throw Self.invalid(name, "cannot parse \(QuotedText.quote(text)) to a valid limit")
        }
        guard limit >= 0 else { throw Self.invalid(name, "limit must be non-negative") }
        return limit
    }

    /// `start` to `end`; without them everything. `nil` if it ends before it starts, which holds nothing.
    func possibleRange() throws(HTTPError) -> ClosedRange<Int64>? {
        let start = try time("start") ?? TimeText.milliseconds.lowerBound
        let end = try time("end") ?? TimeText.milliseconds.upperBound
        return start <= end ? start...end : nil
    }

    /// As `possibleRange`, for routes that must have one.
    func range() throws(HTTPError) -> ClosedRange<Int64> {
        let start = try time("start") ?? TimeText.milliseconds.lowerBound
        let end = try time("end") ?? TimeText.milliseconds.upperBound
        guard start <= end else {
            throw Self.invalid("end", "end timestamp must not be before start timestamp")
        }
        return start...end
    }

    /// The selectors of all `match[]`.
    /// - Parameter namesParameter: whether a mistake is told with the name, which Prometheus does on some routes.
    func matchers(namesParameter: Bool = true) throws(HTTPError) -> [[LabelMatcher]] {
        var sets: [[LabelMatcher]] = []
        for text in parameters.all("match[]") {
            do throws(QueryError) { sets.append(try Self.selector(text)) } catch {
                let reason =
                    error.message.hasSuffix("must contain at least one non-empty matcher")
                    ? "match[] must contain at least one non-empty matcher" : error.message
                throw namesParameter ? Self.invalid("match[]", reason) : .badRequest(reason)
            }
        }
        return sets
    }

    /// The conditions of a plain selector of series.
    /// - Throws: `bad_data` with the reason.
    static func selector(_ text: String) throws(QueryError) -> [LabelMatcher] {
        let expression = try PromQLEngine.parse(text)
        guard case .vectorSelector(let selector) = expression, selector.shift == TimeShift()
        else { throw .badData("\(QuotedText.quote(text)) is not a plain series selector") }
        return selector.allMatchers
    }

    static func invalid(_ name: String, _ reason: String) -> HTTPError {
        .badRequest("invalid parameter \"\(name)\": \(reason)")
    }
}
