import HTTPServer
import Platform
import QueryCore
import Store
import Telemetry
import TraceQL
import WireFormats

/// Tempo's HTTP API (grafana.com/docs/tempo/latest/api_docs) over a span store: search with TraceQL, names
/// and values of attributes, traces by id, metrics of spans.
package struct TempoAPI: Sendable {
    let store: any SpanStore
    let runner: QueryRunner
    let server: ServerFacts

    package init(store: any SpanStore, runner: QueryRunner, server: ServerFacts) {
        self.store = store
        self.runner = runner
        self.server = server
    }

    /// - Parameter prefix: "" or a path such as `/tempo`. Without a prefix `/api/traces/{id}` is left to
    ///   Jaeger's API, which answers as Tempo to those who accept protobuf.
    package func register(on router: inout Router, prefix: String = "") {
        router.group(prefix, options: RouteOptions(errors: Self.errors)) { group in
            group.on(.get, "/api/search", search)
            group.on(.get, "/api/search/tags", tagNames)
            group.on(.get, "/api/v2/search/tags", scopedTagNames)
            group.on(.get, "/api/search/tag/{tag}/values", tagValues)
            group.on(.get, "/api/v2/search/tag/{tag}/values", typedTagValues)
            group.on(.get, "/api/v2/traces/{id}", traces.envelopedTrace)
            group.on(.post, "/api/v2/traces/diff", diff)
            group.on(.get, "/api/metrics/query_range", queryRange)
            group.on(.get, "/api/metrics/query", query)
            group.on(.get, "/api/echo") { _ in .text("echo") }
            registerRefused(on: &group)
            group.on(.get, "/api/status/buildinfo", buildInfo)
            if !prefix.isEmpty { group.on(.get, "/api/traces/{id}", traces.trace) }
        }
        for path in ["/api/search", "/api/v2/search", "/api/v2/traces", "/api/metrics"] {
            router.shapeErrors(below: prefix + path, Self.errors)
        }
        guard !prefix.isEmpty else { return }
        var probe = RouteOptions(errors: Self.errors)
        probe.needsToken = false
        router.on(.get, prefix + "/ready", options: probe) { _ in .text("ready\n") }
    }

    /// Parts of Tempo's API that are refused by name, so that nobody looks for a mistake in their set-up.
    private func registerRefused(on group: inout RouteGroup) {
        func refuse(_ what: String) -> @Sendable (HTTPRequest) async throws -> HTTPResponse {
            { _ in throw HTTPError(.notFound, status: 501, message: what) }
        }
        group.on(
            .get, "/api/overrides",
            refuse("overrides are not supported: limits are set in the server's configuration"))
        group.on(.get, "/api/mcp", refuse("the Model Context Protocol is not supported"))
    }

    /// One line of text; a deadline that has passed is 504, as Tempo has it.
    static let errors: ErrorRenderer = { error, _ in
        let isLate = error.reason == .timeout && error.status == 503
        return .text(error.message + "\n", status: isLate ? 504 : error.status)
    }

    var traces: TempoTraces { TempoTraces(store: store, runner: runner) }
    var engine: TraceQLEngine { TraceQLEngine(store: store) }
    var now: Timestamp { Timestamp(nanoseconds: runner.clock.wallNanoseconds) }

    /// `/api/search`.
    func search(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = TempoParameters(request.parameters, now: now)
        let search = try parameters.search(runner.answerLimits)
        let limit = runner.answerLimits.bytesMax
        let (bytes, result) = try await runner.run { [engine] context in
            let result = try engine.search(search, context: context)
            return (try TempoSearchAnswer.bytes(result, bytesMax: limit), result)
        }
        return .json(bytes).with(result.count, next: result.next?.text(of: search.identity))
    }

    /// `/api/status/buildinfo`.
    func buildInfo(_ request: HTTPRequest) async throws -> HTTPResponse {
        var writer = JSONWriter()
        writer.object {
            $0.field("version", server.version)
            $0.field("revision", server.revision)
            $0.field("branch", "")
            $0.field("buildUser", "")
            $0.field("buildDate", "")
            $0.field("goVersion", "")
        }
        return .json(writer.bytes)
    }
}
