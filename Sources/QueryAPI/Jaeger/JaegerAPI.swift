import HTTPServer
import Platform
import QueryCore
import Store
import Telemetry
import WireFormats

/// Jaeger's HTTP APIs over a span store: the first one (`/api/traces`), which Grafana and older user
/// interfaces speak, and `/api/v3`.
package struct JaegerAPI: Sendable {
    let store: any SpanStore
    let metrics: (any MetricStore)?
    let runner: QueryRunner

    /// - Parameter metrics: holds the service graph.
    package init(store: any SpanStore, metrics: (any MetricStore)? = nil, runner: QueryRunner) {
        self.store = store
        self.metrics = metrics
        self.runner = runner
    }

    /// - Parameter prefix: "" or a path such as `/jaeger`.
    package func register(on router: inout Router, prefix: String = "") {
        router.group(prefix, options: RouteOptions(errors: JaegerEnvelope.errors)) { group in
            group.on(.get, "/api/traces", search)
            group.on(.get, "/api/traces/{id}", trace)
            group.on(.get, "/api/services", services)
            group.on(.get, "/api/services/{service}/operations", operationNames)
            group.on(.get, "/api/operations", operations)
            group.on(.get, "/api/dependencies", dependencies)
            group.on(.get, "/api/quality-metrics", qualityMetrics)
            group.on(.post, "/api/transform", transform)
            registerMetrics(on: &group)
        }
        router.shapeErrors(below: prefix + "/api/traces", JaegerEnvelope.errors)
        router.shapeErrors(below: prefix + "/api/services", JaegerEnvelope.errors)
        router.group(prefix, options: RouteOptions(errors: JaegerV3.errors)) { group in
            registerV3(on: &group)
        }
        router.shapeErrors(below: prefix + "/api/v3", JaegerV3.errors)
        if !prefix.isEmpty { router.shapeErrors(below: prefix, JaegerEnvelope.errors) }
    }

    var searcher: TraceSearch { TraceSearch(store: store, limits: runner.answerLimits) }
    var now: Timestamp { Timestamp(nanoseconds: runner.clock.wallNanoseconds) }

    /// `/api/traces`: a search, or the traces named by `traceID`.
    func search(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = JaegerParameters(parameters: request.parameters, now: now)
        var query = try parameters.traceQuery(limits: runner.answerLimits)
        query.paging = try PageParameters(request.parameters)
        let wanted = Array(try parameters.traceIDs().prefix(runner.answerLimits.tracesMax))
        guard wanted.isEmpty else {
            return .json(
                try await runner.run { [searcher] context in
                    try answer(try searcher.traces(wanted, context: context), wanted: wanted)
                })
        }
        let asked = query
        let (bytes, found) = try await runner.run { [searcher] context in
            let found = try searcher.traces(of: asked, context: context)
            return (try answer(found.traces), found)
        }
        return .json(bytes).with(found.count, next: found.next)
    }

    /// `/api/traces/{id}`. `start`, `end` and `raw` are accepted and change nothing: a trace is found by
    /// its id and shown as it was received. Tempo has the same path: who accepts protobuf means it.
    func trace(_ request: HTTPRequest) async throws -> HTTPResponse {
        if TempoTraces.acceptsProtobuf(request) {
            return try await TempoTraces(store: store, runner: runner).trace(request)
        }
        let id = try JaegerEnvelope.traceID(request.pathParameters["id"] ?? "")
        switch try await opened(id, { try answer([BoundedTrace($0)]) }) {
        case .whole(let bytes): return .json(bytes)
        case .large(let cursor): return JaegerTraceStream.v1(id, cursor, runner)
        case .missing: throw JaegerEnvelope.notFound()
        }
    }

    /// What asking for one trace comes to.
    enum OpenedTrace: Sendable {
        case whole([UInt8])
        /// To be written while it is read.
        case large(TraceCursor)
        case missing
    }

    func opened(
        _ id: TraceID, _ answer: @escaping @Sendable (SpanBatch) throws -> [UInt8]
    ) async throws -> OpenedTrace {
        try await runner.run { [store] _ in
            let cursor = try store.openTrace(
                id, fields: .all, spansAtOnce: JaegerTraceStream.spansAtOnce)
            if cursor.spanCount > JaegerTraceStream.streamedSpansMin { return .large(cursor) }
            var merger = SpanBatchMerger()
            while let spans = try cursor.next() {
                if spans.count == cursor.spanCount { return .whole(try answer(spans)) }
                let source = merger.add(spans)
                for row in 0..<spans.count { merger.append(row: row, of: source) }
            }
            return merger.count == 0 ? .missing : .whole(try answer(merger.take()))
        }
    }

    private func answer(_ traces: [BoundedTrace], wanted: [TraceID] = []) throws -> [UInt8] {
        let found = Set(traces.compactMap(\.spans.traceIDs.first))
        let missing = wanted.filter { !found.contains($0) }.map {
            JaegerEnvelope.MissingTrace(message: "trace not found", trace: $0)
        }
        let bytes = JaegerEnvelope.success(missing: missing) { data in
            data.array { array in
                for trace in traces { JaegerTrace.write(trace, to: &array) }
            }
        }
        try check(bytes)
        return bytes
    }

    func check(_ answer: [UInt8]) throws(QueryError) {
        let limit = runner.answerLimits.bytesMax
        guard answer.count <= limit else {
            throw .execution("the answer exceeds \(limit) bytes; ask for fewer traces")
        }
    }

    /// `/api/services`.
    func services(_ request: HTTPRequest) async throws -> HTTPResponse {
        let bytes = try await runner.run { _ in
            let names = try serviceNames()
            return JaegerEnvelope.success(total: names.count) { data in
                data.array { array in for name in names { array.value(name) } }
            }
        }
        return .json(bytes)
    }

    func serviceNames() throws(StoreError) -> [String] {
        try store.spanValues(
            of: .service, matching: SpanPredicate(), in: .all,
            limit: runner.answerLimits.valuesMax
        ).map { JaegerProcesses.shown(service: $0) }.sorted { Labels.precedes($0.utf8, $1.utf8) }
    }

    /// `/api/services/{service}/operations`: names alone.
    func operationNames(_ request: HTTPRequest) async throws -> HTTPResponse {
        let service = request.pathParameters["service"] ?? ""
        let bytes = try await runner.run { [store, runner] _ in
            let names = try store.spanValues(
                of: .name, matching: SpanPredicate([JaegerProcesses.condition(service: service)]),
                in: .all,
                limit: runner.answerLimits.valuesMax)
            return JaegerEnvelope.success(total: names.count) { data in
                data.array { array in for name in names { array.value(name) } }
            }
        }
        return .json(bytes)
    }

    /// `/api/operations`: names with their span kinds.
    func operations(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard let service = request.parameters["service"], !service.isEmpty else {
            throw HTTPError.badRequest("parameter 'service' is required")
        }
        let kind = request.parameters["spanKind"] ?? ""
        let bytes = try await runner.run { context in
            let found = try operations(of: service, kind: kind, context)
            return JaegerEnvelope.success(total: found.count) { data in
                data.array { array in for operation in found { array.value(operation) } }
            }
        }
        return .json(bytes)
    }

    /// The operations of a service by name and kind; `kind` "" means all, an unknown one none.
    func operations(
        of service: String, kind: String, _ context: QueryContext
    ) throws -> [JaegerOperation] {
        let kinds = kind.isEmpty ? SpanKind.allCases : SpanKind(tagValue: kind).map { [$0] } ?? []
        let service = JaegerProcesses.condition(service: service)
        var found: [JaegerOperation] = []
        for kind in kinds {
            try context.check()
            let names = try store.spanValues(
                of: .name, matching: SpanPredicate([service, .kind(kind)]), in: .all,
                limit: runner.answerLimits.valuesMax)
            found += names.map { JaegerOperation(name: $0, kind: kind) }
        }
        return found.sorted {
            $0.name != $1.name
                ? Labels.precedes($0.name.utf8, $1.name.utf8) : $0.kind.rawValue < $1.kind.rawValue
        }
    }
}

/// The name of a span and its kind.
struct JaegerOperation: Hashable, Sendable {
    var name: String
    var kind: SpanKind
}

extension JSONWriter {
    mutating func value(_ operation: JaegerOperation) {
        object {
            $0.field("name", operation.name)
            $0.field("spanKind", operation.kind.tagValue)
        }
    }
}
