import HTTPServer
import Platform
import QueryCore
import Store
import Telemetry
import WireFormats

/// Zipkin's HTTP API for reading (zipkin.io/zipkin-api, version 2) over a span store, with the
/// `config.json` that its user interface asks for.
///
/// Names of services and spans are compared and shown in lower case, as Zipkin keeps them. Where Zipkin
/// offers the tags of a configured list for completion, here all that are stored are offered.
package struct ZipkinAPI: Sendable {
    let store: any SpanStore
    let metrics: (any MetricStore)?
    let runner: QueryRunner

    /// - Parameter metrics: holds the service graph.
    package init(store: any SpanStore, metrics: (any MetricStore)? = nil, runner: QueryRunner) {
        self.store = store
        self.metrics = metrics
        self.runner = runner
    }

    /// - Parameter prefix: "" or a path such as `/zipkin`.
    package func register(on router: inout Router, prefix: String = "") {
        router.group(prefix, options: RouteOptions(errors: ErrorRenderers.text)) { group in
            group.on(.get, "/api/v2/services", services)
            group.on(.get, "/api/v2/spans", spanNames)
            group.on(.get, "/api/v2/remoteServices", remoteServices)
            group.on(.get, "/api/v2/traces", search)
            group.on(.get, "/api/v2/trace/{id}", trace)
            group.on(.get, "/api/v2/traceMany", traceMany)
            group.on(.get, "/api/v2/dependencies", dependencies)
            group.on(.get, "/api/v2/autocompleteKeys", autocompleteKeys)
            group.on(.get, "/api/v2/autocompleteValues", autocompleteValues)
            group.on(.get, "/config.json", configuration)
        }
        var probe = RouteOptions(errors: ErrorRenderers.text)
        probe.needsToken = false
        router.on(.get, prefix + "/health", options: probe) { _ in
            .json(Array(#"{"status":"UP","zipkin":{"status":"UP"}}"#.utf8))
        }
    }

    private var searcher: TraceSearch { TraceSearch(store: store, limits: runner.answerLimits) }
    private var now: Timestamp { Timestamp(nanoseconds: runner.clock.wallNanoseconds) }

    private func parameters(_ request: HTTPRequest) -> ZipkinParameters {
        ZipkinParameters(parameters: request.parameters, now: now)
    }

    // MARK: Traces

    private func search(_ request: HTTPRequest) async throws -> HTTPResponse {
        let query = try parameters(request).query(runner.answerLimits)
        let (listed, page) = try await runner.run { [store, searcher] context in
            let page = try ZipkinSearch(store: store, names: names, query: query)
                .newest(context)
            let traces = try searcher.traces(page.hits.map(\.trace), context: context)
            return (try list(traces), page)
        }
        return answer(listed.bytes, isPartial: listed.isPartial).with(
            page.count, next: page.next?.text(of: query.identity))
    }

    private func traceMany(_ request: HTTPRequest) async throws -> HTTPResponse {
        let ids = try parameters(request).traceIDs()
        let (bytes, isPartial) = try await runner.run { [searcher] context in
            try list(searcher.traces(ids, context: context))
        }
        return answer(bytes, isPartial: isPartial)
    }

    private func trace(_ request: HTTPRequest) async throws -> HTTPResponse {
        let text = request.pathParameters["id"] ?? ""
        let id = try ZipkinParameters.traceID(text)
        let cursor = try await runner.run { [store] _ in
            try store.openTrace(id, fields: .all, spansAtOnce: JaegerTraceStream.spansAtOnce)
        }
        if cursor.spanCount > JaegerTraceStream.streamedSpansMin { return stream(cursor) }
        let bytes: [UInt8]? = try await runner.run { _ in
            var writer = JSONWriter(capacity: 512 * cursor.spanCount)
            var count = 0
            try writer.array { array in
                while let spans = try cursor.next() {
                    count += spans.count
                    ZipkinSpanWriter(spans).write(to: &array)
                }
            }
            return count == 0 ? nil : writer.bytes
        }
        guard let bytes else { throw HTTPError(.notFound, message: "\(text) not found") }
        return .json(bytes)
    }

    /// A large trace is written while it is read.
    private func stream(_ cursor: TraceCursor) -> HTTPResponse {
        .stream(contentType: "application/json") { [runner] output in
            var separator = UInt8(ascii: "[")
            while let spans = try await runner.run({ _ in try cursor.next() }) {
                var piece = JSONWriter(capacity: 512 * spans.count)
                piece.array { ZipkinSpanWriter(spans).write(to: &$0) }
                var bytes = piece.bytes
                bytes[0] = separator
                bytes.removeLast()
                separator = UInt8(ascii: ",")
                try await output.write(bytes)
            }
            try await output.write([UInt8(ascii: "]")])
        }
    }

    private func list(_ traces: [BoundedTrace]) throws -> (bytes: [UInt8], isPartial: Bool) {
        var writer = JSONWriter(capacity: 4_096)
        writer.array { outer in
            for trace in traces {
                outer.array { ZipkinSpanWriter(trace.spans).write(to: &$0) }
            }
        }
        let limit = runner.answerLimits.bytesMax
        guard writer.bytes.count <= limit else {
            throw QueryError.execution("the answer exceeds \(limit) bytes; ask for fewer traces")
        }
        return (writer.bytes, traces.contains { $0.cutFrom != nil })
    }

    /// Zipkin's form has no place to say that a list shows a part of a very large trace.
    private func answer(_ bytes: [UInt8], isPartial: Bool) -> HTTPResponse {
        let response = HTTPResponse.json(bytes)
        return isPartial ? response.with(JaegerAPI.partialHeader, "true") : response
    }

    // MARK: Names

    private var names: ZipkinNames {
        ZipkinNames(store: store, limit: runner.answerLimits.valuesMax)
    }

    private func services(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await strings { try names.services() }
    }

    private func spanNames(_ request: HTTPRequest) async throws -> HTTPResponse {
        let service = request.parameters["serviceName"] ?? ""
        return try await strings { try names.spanNames(of: service) }
    }

    private func remoteServices(_ request: HTTPRequest) async throws -> HTTPResponse {
        let service = request.parameters["serviceName"] ?? ""
        return try await strings { try names.remoteServices(of: service) }
    }

    private func autocompleteKeys(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await strings { try names.tagKeys() }
    }

    private func autocompleteValues(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard let key = request.parameters["key"], !key.isEmpty else {
            throw HTTPError.badRequest("parameter 'key' is required")
        }
        return try await strings { try names.tagValues(of: key) }
    }

    private func strings(
        _ find: @escaping @Sendable () throws -> [String]
    ) async throws -> HTTPResponse {
        let bytes = try await runner.run { _ in
            var writer = JSONWriter()
            let found = try find()
            writer.array { array in for text in found { array.value(text) } }
            return writer.bytes
        }
        return .json(bytes)
    }

    // MARK: The rest

    private func dependencies(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard request.parameters["endTs"] != nil else {
            throw HTTPError.badRequest("the parameter endTs is missing")
        }
        let range = try parameters(request).range()
        let graph = try await runner.run { [store, metrics, runner] context in
            var graph = try ZipkinDependencies(
                store, in: range, spansMax: runner.answerLimits.dependencySpansMax,
                context: context)
            if graph.isPartial, let metrics {
                graph.complete(try ServiceGraphLinks(metrics, in: range, context: context))
            }
            return graph
        }
        var writer = JSONWriter()
        writer.array { array in
            for (link, count) in graph.links {
                array.object {
                    $0.field("parent", link.parent)
                    $0.field("child", link.child)
                    $0.field("callCount", count.calls)
                    if count.errors > 0 { $0.field("errorCount", count.errors) }
                }
            }
        }
        return answer(writer.bytes, isPartial: graph.isPartial)
    }

    /// What Zipkin's own user interface reads when it starts.
    private func configuration(_ request: HTTPRequest) async throws -> HTTPResponse {
        var writer = JSONWriter()
        writer.object {
            $0.field("environment", "")
            $0.field("queryLimit", ZipkinParameters.limit)
            $0.field("defaultLookback", ZipkinParameters.shownLookback)
            $0.field("searchEnabled", true)
            for key: StaticString in ["logsUrl", "supportUrl", "archivePostUrl", "archiveUrl"] {
                $0.key(key)
                $0.null()
            }
            $0.objectField("dependency") {
                $0.field("enabled", true)
                $0.field("lowErrorRate", 0.5)
                $0.field("highErrorRate", 0.75)
            }
        }
        return .json(writer.bytes)
    }
}
