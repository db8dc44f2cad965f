import HTTPServer
import Store
import Telemetry
import WireFormats

/// Reads the parameters of Jaeger's first HTTP API, with its defaults and the wording of its errors.
struct JaegerParameters {
    let parameters: Parameters
    let now: Timestamp

    /// How far back a search looks when it does not say: Jaeger's two days.
    private static let lookback: Int64 = 2 * 86_400 * 1_000_000_000
    /// As Jaeger has it.
    private static let limit = 100

    /// A search. `service` may be absent, which Jaeger does not allow: all services are searched.
    func traceQuery(limits: AnswerLimits) throws(HTTPError) -> TraceQuery {
        let end = try microseconds("end") ?? now
        let lookback = try lookback()
        let start = try microseconds("start") ?? end.advanced(byNanoseconds: -lookback)
        guard start <= end else {
            throw .badRequest("invalid parameter: start time must be before end time")
        }
        var query = TraceQuery(
            range: TimeRange(start: start, end: end.advanced(byNanoseconds: 1)),
            limit: try limit(limits))
        if let service = parameters["service"], !service.isEmpty {
            query.service = JaegerProcesses.stored(service: service)
        }
        query.operation = parameters["operation"] ?? ""
        query.tags = try tags()
        query.durationMin = try duration("minDuration")
        query.durationMax = try duration("maxDuration")
        if let low = query.durationMin, let high = query.durationMax, high < low {
            throw .badRequest("'maxDuration' should be greater than 'minDuration'")
        }
        return query
    }

    /// Microseconds since the epoch.
    func microseconds(_ name: String) throws(HTTPError) -> Timestamp? {
        try integer(name).map { Timestamp(microseconds: $0) }
    }

    func integer(_ name: String) throws(HTTPError) -> Int64? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        guard let number = Int64(text) else {
            throw Self.unparsable(name, "\"\(text)\" is not an integer")
        }
        return number
    }

    /// The ids of all `traceID` parameters.
    func traceIDs() throws(HTTPError) -> [TraceID] {
        var ids: [TraceID] = []
        for text in parameters.all("traceID") {
            do throws(IdentifierError) { ids.append(try TraceID(hex: text)) } catch {
                throw .badRequest("cannot parse traceID param: \(error)")
            }
        }
        return ids
    }

    /// Nanoseconds; a search form's `custom` means that start and end say it.
    private func lookback() throws(HTTPError) -> Int64 {
        guard let text = parameters["lookback"], !text.isEmpty, text != "custom" else {
            return Self.lookback
        }
        let days = text.hasSuffix("d") ? Int64(text.dropLast()) : nil
        let value = days.map { $0.multipliedReportingOverflow(by: 86_400_000_000_000) }
        if let value, !value.overflow, value.partialValue >= 0 { return value.partialValue }
        guard let duration = TimeText.goDuration(text), duration >= 0 else {
            throw Self.unparsable("lookback", "\"\(text)\" is not a duration")
        }
        return duration
    }

    private func limit(_ limits: AnswerLimits) throws(HTTPError) -> Int {
        guard let limit = try integer("limit") else { return Self.limit }
        guard limit > 0 else {
            throw .badRequest("invalid parameter: limit must be greater than 0")
        }
        return min(Int(limit), limits.tracesMax)
    }

    private func duration(_ name: String) throws(HTTPError) -> Int64? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        guard let duration = TimeText.goDuration(text) else {
            throw Self.unparsable(name, "invalid duration \"\(text)\"")
        }
        return duration == 0 ? nil : duration
    }

    private func tags() throws(HTTPError) -> [(key: String, value: String)] {
        var tags: [(key: String, value: String)] = []
        for text in parameters.all("tag") {
            guard let colon = text.firstIndex(of: ":") else {
                throw .badRequest(
                    "malformed 'tag' parameter, expecting key:value, received: \(text)")
            }
            tags.append((String(text[..<colon]), String(text[text.index(after: colon)...])))
        }
        for text in parameters.all("tags") where !text.isEmpty {
            do throws(DecodeError) { tags += try TagText.parse(json: text) } catch {
                throw .badRequest("malformed 'tags' parameter, cannot unmarshal JSON: \(error)")
            }
        }
        return tags
    }

    static func unparsable(_ name: String, _ reason: String) -> HTTPError {
        .badRequest("unable to parse param '\(name)': \(reason)")
    }
}
