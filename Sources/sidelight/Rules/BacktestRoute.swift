import Foundation
import HTTPServer
import Platform
import QueryCore
import Rules
import Store

/// `POST /api/sidelight/rules/backtest`: replays rule files over stored history, for
/// `sidelight rules backtest`.
struct BacktestRoute: Sendable {
    let store: any MetricStore
    let sources: ReplaySources
    let settings: RuleSettings
    let clock: any Clock
    /// Shared with exports, which keep a thread as busy.
    let pool: BlockingPool

    func register(on router: inout Router) {
        router.on(
            .post, "/api/sidelight/rules/backtest",
            options: RouteOptions(errors: ErrorRenderers.json)
        ) { try await answer($0) }
    }

    private func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
        let wanted: BacktestRequest
        do {
            wanted = try JSONDecoder().decode(BacktestRequest.self, from: Data(request.body))
        } catch {
            throw HTTPError.badRequest(
                "the body must be {\"files\":[{\"path\",\"text\"}],\"from\",\"to\"}: \(error)")
        }
        do {
            return .json(
                try await pool.run { [store, sources, settings, clock] in
                    try BacktestAnswer.make(
                        wanted, over: store, sources: sources, settings: settings, clock: clock
                    ).bytes
                })
        } catch let error as ConfigurationError {
            throw HTTPError.badRequest(error.description)
        } catch let error as RulesRefused {
            throw HTTPError.badRequest(error.description)
        } catch let error as RuleFileError {
            throw HTTPError.badRequest(error.description)
        } catch let error as QueryError {
            throw HTTPError.badRequest(error.message)
        }
    }
}
