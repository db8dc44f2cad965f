import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

extension JaegerAPI {
    /// Jaeger's default for both versions: a day.
    static let dependencyLookback: Int64 = 86_400 * 1_000_000_000
    /// Says that older spans of the range were not counted.
    static let partialHeader = "x-sidelight-partial"

    /// `/api/dependencies?endTs&lookback` in milliseconds.
    func dependencies(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = JaegerParameters(parameters: request.parameters, now: now)
        let end = try parameters.integer("endTs").map { Timestamp(milliseconds: $0) } ?? now
        let lookback =
            try parameters.integer("lookback")
            .map { Timestamp(milliseconds: max(0, $0)).nanoseconds } ?? Self.dependencyLookback
        let service = request.parameters["service"] ?? ""
        let graph = try await graph(
            TimeRange(start: end.advanced(byNanoseconds: -lookback), end: end))
        let bytes = JaegerEnvelope.success { data in
            data.array { array in
                for (link, calls) in graph.links(of: service) { array.value(link, calls) }
            }
        }
        return answer(bytes, graph)
    }

    /// `/api/v3/dependencies?startTime&endTime`.
    func dependenciesV3(_ request: HTTPRequest) async throws -> HTTPResponse {
        func time(_ camel: String, _ snake: String) throws(HTTPError) -> Timestamp? {
            guard let text = request.parameters[camel] ?? request.parameters[snake] else {
                return nil
            }
            guard let time = RFC3339.parse(text) else {
                throw JaegerV3.malformed(camel, "\"\(text)\" is not an RFC 3339 time")
            }
            return time
        }
        let end = try time("endTime", "end_time") ?? now
        let start =
            try time("startTime", "start_time")
            ?? end.advanced(byNanoseconds: -Self.dependencyLookback)
        let graph = try await graph(TimeRange(start: start, end: end))
        var writer = JSONWriter()
        writer.object {
            $0.arrayField("dependencies") { array in
                for (link, calls) in graph.links() { array.value(link, calls) }
            }
        }
        return answer(writer.bytes, graph)
    }

    func graph(_ range: TimeRange) async throws -> DependencyGraph {
        try await runner.run { [store, metrics, runner] context in
            var graph = try DependencyGraph(
                store, in: range, spansMax: runner.answerLimits.dependencySpansMax,
                context: context)
            if graph.isPartial, let metrics {
                graph.complete(try ServiceGraphLinks(metrics, in: range, context: context))
            }
            return graph
        }
    }

    private func answer(_ bytes: [UInt8], _ graph: DependencyGraph) -> HTTPResponse {
        let response = HTTPResponse.json(bytes)
        return graph.isPartial ? response.with(Self.partialHeader, "true") : response
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ link: DependencyGraph.Link, _ calls: Int) {
        object {
            $0.field("parent", link.parent)
            $0.field("child", link.child)
            $0.field("callCount", calls)
        }
    }
}
