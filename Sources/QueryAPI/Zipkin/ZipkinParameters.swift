import HTTPServer
import Store
import Telemetry

/// Reads the parameters of Zipkin's API, with its defaults and the wording of its errors.
struct ZipkinParameters {
    let parameters: Parameters
    let now: Timestamp

    /// Traces of an answer that asks for no number.
    static let limit = 10
    /// How far back a question looks when it does not say, in milliseconds (`QUERY_LOOKBACK`).
    static let lookback: Int64 = 86_400_000
    /// How far back Zipkin's pages ask to begin with (`zipkin.ui.default-lookback`).
    static let shownLookback: Int64 = 900_000

    /// A search for traces.
    func query(_ limits: AnswerLimits) throws(HTTPError) -> ZipkinQuery {
        var query = ZipkinQuery(range: try range(), limit: Self.limit)
        query.paging = try PageParameters(parameters)
        query.service = name("serviceName")
        query.remoteService = name("remoteServiceName")
        query.spanName = name("spanName") == "all" ? "" : name("spanName")
        query.terms = terms(parameters["annotationQuery"] ?? "")
        if let limit = try positive("limit") {
            query.limit = Int(min(limit, Int64(limits.tracesMax)))
        }
        query.durationMin = try positive("minDuration").map { Self.nanoseconds($0) }
        if let longest = try positive("maxDuration") {
            guard let shortest = query.durationMin else {
                throw .badRequest("maxDuration is only valid with minDuration")
            }
            // Durations are shown in whole microseconds, so the rest of one belongs to it.
            let most = Self.nanoseconds(longest)
            guard most >= shortest else { throw .badRequest("maxDuration < minDuration") }
            query.durationMax = most < .max - 999 ? most + 999 : most
        }
        return query
    }

    /// `[endTs - lookback, endTs]`, both in milliseconds.
    func range() throws(HTTPError) -> TimeRange {
        let end = try positive("endTs").map { Timestamp(milliseconds: $0) } ?? now
        let lookback = Timestamp(milliseconds: try positive("lookback") ?? Self.lookback)
        return TimeRange(
            start: end.advanced(byNanoseconds: -lookback.nanoseconds),
            end: end.advanced(byNanoseconds: 1_000_000))
    }

    /// The ids of `traceIds`: at least two, none twice.
    func traceIDs() throws(HTTPError) -> [TraceID] {
        let text = parameters["traceIds"] ?? ""
        guard !text.isEmpty else { throw .badRequest("traceIds parameter is empty") }
        var ids: [TraceID] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let id = try Self.traceID(String(part))
            guard !ids.contains(id) else { throw .badRequest("redundant trace ID: \(part)") }
            guard ids.count < Self.traceIDsMax else {
                throw .badRequest("more than \(Self.traceIDsMax) trace IDs")
            }
            ids.append(id)
        }
        guard ids.count > 1 else {
            throw .badRequest("use the /trace/{traceId} endpoint to retrieve a single trace")
        }
        return ids
    }

    private static let traceIDsMax = 1_000

    /// 1 to 32 hexadecimal digits.
    static func traceID(_ text: String) throws(HTTPError) -> TraceID {
        do throws(IdentifierError) { return try TraceID(hex: text) } catch {
            throw .badRequest(
                "\(text) should be a 1 to 32 character lower-hex string with no prefix")
        }
    }

    private func name(_ parameter: String) -> String {
        (parameters[parameter] ?? "").lowercased()
    }

    /// `nil` for what is not given.
    private func positive(_ name: String) throws(HTTPError) -> Int64? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        guard let number = Int64(text) else {
            throw .badRequest("\(name) is \"\(text)\", expected a whole number")
        }
        guard number > 0 else { throw .badRequest("\(name) <= 0") }
        return number
    }

    private static func nanoseconds(_ microseconds: Int64) -> Int64 {
        Timestamp(microseconds: microseconds).nanoseconds
    }

    /// `error and http.method=GET`: what must be there, and what must have a value.
    private func terms(_ text: String) -> [ZipkinQuery.Term] {
        text.split(separator: " and ").compactMap { part in
            let equals = part.firstIndex(of: "=") ?? part.endIndex
            let key = part[..<equals].trimmed
            guard !key.isEmpty else { return nil }
            return ZipkinQuery.Term(key: key, value: part[equals...].dropFirst().trimmed)
        }
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

/// What a search form of Zipkin asks for. Empty strings ask for nothing. One span must satisfy all of it.
struct ZipkinQuery: Sendable {
    /// A tag with this value; with "" a tag of any value, or an annotation with the key as its text.
    struct Term: Hashable, Sendable {
        var key: String
        var value: String
    }

    /// Names in lower case.
    var service = ""
    var remoteService = ""
    var spanName = ""
    var terms: [Term] = []
    /// Nanoseconds.
    var durationMin: Int64?
    /// Nanoseconds.
    var durationMax: Int64?
    var range: TimeRange
    var limit: Int
    var paging = PageParameters()

    /// What is searched for, wherever and however much of it.
    var identity: String {
        let durations = [durationMin, durationMax].map { $0.map { "\($0)" } ?? "" }
        return "\([service, remoteService, spanName] + durations) \(terms)"
    }

    init(range: TimeRange, limit: Int) {
        self.range = range
        self.limit = limit
    }
}
