import HTTPServer
import LogQL
import QueryCore
import Store
import Telemetry

/// `/loki/api/v1/tail`: over a WebSocket the newest lines, and then lines as they arrive.
extension LokiAPI {
    private static let delayMax: Int64 = 5

    /// `query`, `delay_for` (seconds, for lines to be put in order; 0 to 5), `limit` (lines of the past, 100)
    /// and `start` (of the past, an hour ago).
    func tail(_ request: HTTPRequest) async throws -> WebSocketConversation {
        let parameters = LokiParameters(request, now: now)
        let query: LogQuery
        do throws(QueryError) {
            query = try Self.logQuery(request.parameters["query"] ?? "")
        } catch {
            throw HTTPError(error)
        }
        let delay = try Self.delay(request.parameters["delay_for"] ?? "")
        let limit = try parameters.limit(runner.answerLimits)
        let start =
            try parameters.time("start")
            ?? now.advanced(byNanoseconds: -LokiParameters.queryLookback)
        guard !tails.isFull else {
            throw HTTPError(
                .overloaded,
                message: "max concurrent tail requests limit exceeded (\(LogTails.countMax))")
        }
        let session = TailSession(
            query: query, delayNanoseconds: delay * 1_000_000_000, limit: limit, start: start,
            isCategorized: parameters.wantsCategorizedLabels, store: store, runner: runner)
        return { [tails] socket in await session.run(socket, tails) }
    }

    private static func delay(_ text: String) throws(HTTPError) -> Int64 {
        guard !text.isEmpty else { return 0 }
        guard let delay = Int64(text), delay >= 0 else {
            throw .badRequest("cannot parse \"\(text)\" to a valid delay_for in seconds")
        }
        guard delay <= delayMax else {
            throw .badRequest("delay_for can't be greater than \(delayMax)")
        }
        return delay
    }
}
