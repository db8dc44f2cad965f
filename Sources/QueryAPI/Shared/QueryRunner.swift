import HTTPServer
import Platform
import QueryCore
import Store
import Telemetry

/// Runs the blocking part of requests, reads and evaluation, on a pool of threads, each with a deadline
/// and cancelled with its request.
package struct QueryRunner: Sendable {
    let pool: BlockingPool
    let clock: any Clock
    let limits: QueryLimits
    let answerLimits: AnswerLimits

    package init(
        pool: BlockingPool, clock: any Clock, limits: QueryLimits = QueryLimits(),
        answerLimits: AnswerLimits = AnswerLimits()
    ) {
        self.pool = pool
        self.clock = clock
        self.limits = limits
        self.answerLimits = answerLimits
    }

    /// - Parameter timeout: what the request asks for; never more than the configured limit.
    /// - Throws: `HTTPError` for every failure that `QueryError` and `StoreError` tell of.
    package func run<Value: Sendable>(
        timeout: Duration? = nil,
        _ work: @escaping @Sendable (QueryContext) throws -> Value
    ) async throws -> Value {
        var limits = limits
        if let timeout { limits.duration = min(timeout, limits.duration) }
        let turn = pool.turn()
        let context = QueryContext(
            limits: limits, startTime: Timestamp(nanoseconds: clock.wallNanoseconds),
            now: { [clock] in clock.monotonicNanoseconds },
            giveWay: Self.giveWay(turn))
        do {
            return try await withTaskCancellationHandler {
                try await pool.run { [clock] in
                    turn?.begin(now: clock.monotonicNanoseconds)
                    defer { turn?.end() }
                    try context.check()
                    return try work(context)
                }
            } onCancel: {
                context.cancel()
            }
        } catch let error as QueryError {
            throw HTTPError(error)
        } catch let error as StoreError {
            throw HTTPError(QueryError(error))
        } catch let failure as BlockingPool.Failure {
            throw HTTPError(QueryError(.unavailable, failure.description))
        } catch is CancellationError {
            throw HTTPError(QueryError(.canceled, "the request was canceled"))
        }
    }

    private static func giveWay(_ turn: WorkTurn?) -> QueryContext.GiveWay? {
        guard let turn else { return nil }
        return { turn.giveWay(now: $0, isOver: $1) }
    }

    /// Milliseconds since the epoch.
    var nowMilliseconds: Int64 { clock.wallNanoseconds / 1_000_000 }
}

/// Bounds of answers, each with its reason. Beyond them the answer is an error that names the limit.
package struct AnswerLimits: Sendable, Hashable {
    /// An answer is built whole before it is sent; browsers and Grafana give up far below this.
    package var bytesMax = 256 << 20
    /// Traces that one search may ask for: each is read whole.
    package var tracesMax = 5_000
    /// Spans of all traces of one answer, some 1 KB each.
    package var spansMax = 250_000
    /// Spans of one trace in a list of traces: beyond it the list says how many there are, and the trace
    /// by its id has them all.
    package var listedSpansMax = 10_000
    /// Spans that a graph of dependencies is computed from; about 150 bytes each while it is.
    package var dependencySpansMax = 500_000
    /// Log lines of one answer; Loki's `max_entries_limit_per_query`.
    package var linesMax = 5_000
    /// Distinct values that a list of services, operations or label values shows.
    package var valuesMax = 100_000

    package init() {}
}

extension HTTPError {
    /// The status codes are those of Prometheus's API.
    init(_ error: QueryError) {
        switch error.kind {
        case .badData: self.init(.badRequest, message: error.message)
        case .execution: self.init(.unprocessable, message: error.message)
        case .timeout: self.init(.timeout, message: error.message)
        case .canceled:
            self.init(.timeout, status: HTTPError.clientClosedRequest, message: error.message)
        case .internal: self.init(.failed, message: error.message)
        case .unavailable:
            self.init(.unavailable, message: error.message, headers: ["retry-after": "1"])
        }
    }

    /// What nginx and Prometheus call a request whose client went away.
    static let clientClosedRequest = 499
}
