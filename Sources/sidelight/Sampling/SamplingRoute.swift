import Foundation
import HTTPServer
import Pipeline
import Platform
import Store

/// `POST /api/sidelight/sampling/backtest`: judges stored traces by a file of policies, for
/// `sidelight sampling backtest`.
struct SamplingRoute: Sendable {
    let store: any SpanStore
    let clock: any Clock
    /// Shared with exports, which keep a thread as busy.
    let pool: BlockingPool

    func register(on router: inout Router) {
        router.on(
            .post, "/api/sidelight/sampling/backtest",
            options: RouteOptions(errors: ErrorRenderers.json)
        ) { try await answer($0) }
    }

    private func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
        let wanted: SamplingRequest
        do {
            wanted = try JSONDecoder().decode(SamplingRequest.self, from: Data(request.body))
        } catch {
            throw HTTPError.badRequest(
                "the body must be {\"path\",\"text\",\"from\",\"to\"}: \(error)")
        }
        do {
            return .json(
                try await pool.run { [store, clock] in
                    try SamplingAnswer.make(wanted, over: store, clock: clock).bytes
                })
        } catch let error as ConfigurationError {
            throw HTTPError.badRequest(error.description)
        } catch let error as SamplingFileError {
            throw HTTPError.badRequest(error.description)
        }
    }
}
