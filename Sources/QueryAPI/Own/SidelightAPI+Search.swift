import HTTPServer
import Platform
import QueryCore
import Telemetry
import TraceQL
import WireFormats

extension SidelightAPI {
    /// `/search`: Tempo's search with the same parameters (`q`, `start`, `end`, `limit`, `spss` …), in pages and
    /// with a count: `{"traces":[…],"metrics":{…},"total":{"value":37,"relation":"eq"},"nextCursor":"…"}`.
    ///
    /// `cursor` asks for what stands behind a page; `count=exact` looks at the whole range, and without it
    /// the relation is `gte` where there may be more.
    func search(_ request: HTTPRequest) async throws -> HTTPResponse {
        let now = Timestamp(nanoseconds: runner.clock.wallNanoseconds)
        let search = try TempoParameters(request.parameters, now: now).search(runner.answerLimits)
        let limit = runner.answerLimits.bytesMax
        let bytes = try await runner.run { [spans] context in
            let result = try TraceQLEngine(store: spans).search(search, context: context)
            return try TempoSearchAnswer.bytes(result, bytesMax: limit) { writer in
                writer.objectField("total") {
                    $0.field("value", result.count.value)
                    $0.field("relation", result.count.isExact ? "eq" : "gte")
                }
                if let next = result.next {
                    writer.field("nextCursor", next.text(of: search.identity))
                }
            }
        }
        return .json(bytes)
    }
}
