import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// Shapes and parameters of Jaeger's `/api/v3`, which is gRPC-gateway JSON: names in camel case or snake
/// case, errors as `{"error":{"httpCode","message"}}`.
enum JaegerV3 {
    static let errors: ErrorRenderer = { error, _ in
        var writer = JSONWriter()
        writer.object {
            $0.objectField("error") {
                $0.field("httpCode", error.status)
                $0.field("message", error.message)
            }
        }
        return .json(writer.bytes, status: error.status)
    }

    /// Traces of a search that names no number.
    private static let limit = 100

    /// `query.` parameters of a search.
    static func traceQuery(
        _ parameters: Parameters, limits: AnswerLimits
    ) throws(HTTPError) -> TraceQuery {
        let form = Form(parameters)
        guard let start = try form.time("startTimeMin", "start_time_min"),
            let end = try form.time("startTimeMax", "start_time_max")
        else {
            throw .badRequest("query.startTimeMin and query.startTimeMax are required")
        }
        var query = TraceQuery(
            range: TimeRange(start: start, end: end.advanced(byNanoseconds: 1)),
            limit: try form.count(limits))
        query.service = form["serviceName", "service_name"].map(JaegerProcesses.stored(service:))
        query.operation = form["operationName", "operation_name"] ?? ""
        query.durationMin = try form.duration("durationMin", "duration_min")
        query.durationMax = try form.duration("durationMax", "duration_max")
        guard start <= end else {
            throw malformed("query.startTimeMin", "it is after query.startTimeMax")
        }
        if let shortest = query.durationMin, let longest = query.durationMax, shortest > longest {
            throw malformed("query.durationMin", "it is longer than query.durationMax")
        }
        if let raw = form["rawTraces", "raw_traces"], !["true", "false", "1", "0"].contains(raw) {
            throw malformed("query.rawTraces", "\"\(raw)\" is neither true nor false")
        }
        if let attributes = form["attributes", "attributes"] {
            do throws(DecodeError) { query.tags = try TagText.parse(json: attributes) } catch {
                throw malformed("query.attributes", "\(error)")
            }
        }
        if let filter = form["filter", "filter"] {
            query.traceQL = try alone(try JaegerFilter(json: filter), in: query).traceQL()
        }
        query.paging = try PageParameters(parameters)
        return query
    }

    /// A filter says all that a search looks for.
    static func alone(
        _ filter: JaegerFilter, in query: TraceQuery
    ) throws(HTTPError) -> JaegerFilter {
        guard query.predicates == [SpanPredicate()] else {
            throw malformed(
                "query.filter",
                "service, operation, attributes and durations are written in the filter beside it")
        }
        return filter
    }

    /// The times that a trace by its id may come with: they change nothing, but must be times.
    static func checkTimes(_ parameters: Parameters) throws(HTTPError) {
        for names in [["startTime", "start_time"], ["endTime", "end_time"]] {
            for name in names {
                guard let text = parameters[name], !text.isEmpty else { continue }
                guard RFC3339.parse(text.replacing(" ", with: "+", maxReplacements: 1)) != nil
                else {
                    throw malformed(names[1], "\"\(text)\" is not an RFC 3339 time")
                }
            }
        }
    }

    static func malformed(_ name: String, _ reason: String) -> HTTPError {
        .badRequest("malformed parameter \(name): \(reason)")
    }

    static func notFound() -> HTTPError { HTTPError(.notFound, message: "No traces found") }

    private struct Form {
        let parameters: Parameters

        init(_ parameters: Parameters) { self.parameters = parameters }

        /// The first value that is not empty, under either name.
        subscript(camel: String, snake: String) -> String? {
            for name in ["query.\(camel)", "query.\(snake)"] {
                if let text = parameters[name], !text.isEmpty { return text }
            }
            return nil
        }

        func time(_ camel: String, _ snake: String) throws(HTTPError) -> Timestamp? {
            guard let text = self[camel, snake] else { return nil }
            // A plus that was not escaped has become a space.
            guard let time = RFC3339.parse(text.replacing(" ", with: "+", maxReplacements: 1))
            else {
                throw malformed("query.\(camel)", "\"\(text)\" is not an RFC 3339 time")
            }
            return time
        }

        func duration(_ camel: String, _ snake: String) throws(HTTPError) -> Int64? {
            guard let text = self[camel, snake] else { return nil }
            guard let duration = TimeText.goDuration(text) else {
                throw malformed("query.\(camel)", "\"\(text)\" is not a duration such as 10s")
            }
            return duration
        }

        func count(_ limits: AnswerLimits) throws(HTTPError) -> Int {
            let text = self["searchDepth", "search_depth"] ?? self["numTraces", "num_traces"]
            guard let text else { return limit }
            guard let count = Int(text), count >= 0 else {
                throw malformed("query.searchDepth", "\"\(text)\" is not a number of traces")
            }
            return min(count, limits.tracesMax)
        }
    }
}

extension JaegerAPI {
    func registerV3(on group: inout RouteGroup) {
        group.on(.get, "/api/v3/services", servicesV3)
        group.on(.get, "/api/v3/operations", operationsV3)
        group.on(.get, "/api/v3/traces/{id}", traceV3)
        group.on(.get, "/api/v3/traces", searchV3)
        group.on(.get, "/api/v3/trace-summaries", summariesV3)
        group.on(.get, "/api/v3/dependencies", dependenciesV3)
    }

    func servicesV3(_ request: HTTPRequest) async throws -> HTTPResponse {
        let names = try await runner.run { _ in try serviceNames() }
        var writer = JSONWriter()
        writer.object { $0.field("services", strings: names) }
        return .json(writer.bytes)
    }

    func operationsV3(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = request.parameters
        guard let service = parameters["service"], !service.isEmpty else {
            throw JaegerV3.malformed("service", "it is required")
        }
        let kind = parameters["spanKind"] ?? parameters["span_kind"] ?? ""
        let found = try await runner.run { context in
            try operations(of: service, kind: kind, context)
        }
        var writer = JSONWriter()
        writer.object {
            $0.arrayField("operations") { array in
                for operation in found { array.value(operation) }
            }
        }
        return .json(writer.bytes)
    }

    /// `/api/v3/traces/{id}`: the spans as OTLP/JSON.
    func traceV3(_ request: HTTPRequest) async throws -> HTTPResponse {
        let text = request.pathParameters["id"] ?? ""
        let id: TraceID
        do throws(IdentifierError) { id = try TraceID(hex: text) } catch {
            throw JaegerV3.malformed("trace_id", "\(error)")
        }
        try JaegerV3.checkTimes(request.parameters)
        switch try await opened(id, { try answerV3([$0]) }) {
        case .whole(let bytes): return .json(bytes)
        case .large(let cursor): return JaegerTraceStream.v3(cursor, runner)
        case .missing: throw JaegerV3.notFound()
        }
    }

    /// `/api/v3/traces`.
    func searchV3(_ request: HTTPRequest) async throws -> HTTPResponse {
        let query = try JaegerV3.traceQuery(request.parameters, limits: runner.answerLimits)
        let (bytes, found) = try await runner.run { [searcher] context in
            let found = try searcher.traces(of: query, context: context)
            return (try answerV3(found.traces.map(\.spans)), found)
        }
        let isCut = found.traces.contains { $0.cutFrom != nil }
        let response = HTTPResponse.json(bytes).with(found.count, next: found.next)
        return isCut ? response.with(Self.partialHeader, "true") : response
    }

    private func answerV3(_ traces: [SpanBatch]) throws -> [UInt8] {
        guard !traces.isEmpty else { throw JaegerV3.notFound() }
        var merger = SpanBatchMerger()
        for trace in traces {
            let source = merger.add(trace)
            for row in 0..<trace.count { merger.append(row: row, of: source) }
        }
        var writer = JSONWriter(capacity: 1_024 * merger.count)
        writer.object {
            $0.objectField("result") {
                $0.key("resourceSpans")
                OTLPTraces.writeResourceSpans(merger.take(), to: &$0)
            }
        }
        try check(writer.bytes)
        return writer.bytes
    }

    /// `/api/v3/trace-summaries`: what a list of search results shows, without the spans.
    func summariesV3(_ request: HTTPRequest) async throws -> HTTPResponse {
        let query = try JaegerV3.traceQuery(request.parameters, limits: runner.answerLimits)
        let (bytes, page) = try await runner.run { [searcher] context in
            let page = try searcher.hits(query, context: context)
            var writer = JSONWriter()
            try writer.object {
                try $0.arrayField("summaries") { array in
                    try summaries(page.hits, context) { array.value($0) }
                }
            }
            return (writer.bytes, page)
        }
        return .json(bytes).with(page.count, next: page.next?.text(of: query.identity))
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ summary: TraceSummary) {
        object {
            $0.field("traceId", summary.trace)
            $0.field("rootServiceName", summary.rootService)
            $0.field("rootOperationName", summary.rootOperation)
            $0.key("minStartTimeUnixNano")
            $0.quotedValue(summary.start.nanoseconds)
            $0.key("maxEndTimeUnixNano")
            $0.quotedValue(summary.end.nanoseconds)
            $0.field("spanCount", summary.spanCount)
            $0.field("errorSpanCount", summary.errorCount)
            $0.field("orphanSpanCount", summary.orphanCount)
            $0.arrayField("services") { array in
                for service in summary.services {
                    array.object {
                        $0.field("name", service.name)
                        $0.field("spanCount", service.spanCount)
                        $0.field("errorSpanCount", service.errorCount)
                    }
                }
            }
        }
    }
}
