import Logging
import Platform
import Proxy
import Testing

/// A proxy on free ports before one upstream, for the length of a test.
enum RunningProxy {
    static func with<Result: Sendable>(
        upstream: Address, service: String = "shop", otlp: String? = nil,
        change: (inout ProxyConfiguration) -> Void = { _ in },
        _ body: (ProxyServer, Int) async throws -> Result
    ) async throws -> Result {
        var configuration = ProxyConfiguration.single(
            listen: Address(host: "127.0.0.1", port: 0), upstream: upstream, service: service)
        configuration.telemetry.otlp = otlp
        configuration.telemetry.metricsInterval = .milliseconds(100)
        change(&configuration)
        return try await with(configuration, body)
    }

    static func with<Result: Sendable>(
        _ configuration: ProxyConfiguration, _ body: (ProxyServer, Int) async throws -> Result
    ) async throws -> Result {
        var logger = Logger(label: "proxy")
        logger.logLevel = .error
        let server = try await ProxyServer.start(
            configuration.patient, environment: ProxyServer.Environment(logger: logger))
        do {
            let result = try await body(server, server.listeners[0].address.port)
            await server.stop(within: .seconds(600))
            return result
        } catch {
            await server.stop(within: .milliseconds(500))
            throw error
        }
    }

    /// Waits until `condition` holds; looks again whenever others have had their turn.
    static func eventually(
        _ what: Comment, _ condition: () async throws -> Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let end = ContinuousClock.now.advanced(by: .seconds(300))
        while try await !condition() {
            guard ContinuousClock.now < end else {
                Issue.record(what, sourceLocation: sourceLocation)
                return
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

extension ProxyConfiguration {
    /// This configuration, but with long limits where a test has set none: whoever stands still for a minute,
    /// client, proxy or upstream, is none of its business.
    fileprivate var patient: ProxyConfiguration {
        var changed = self
        for listener in listeners.indices {
            for route in listeners[listener].routes.indices {
                if listeners[listener].routes[route].timeout == .seconds(15) {
                    changed.listeners[listener].routes[route].timeout = .seconds(900)
                }
            }
        }
        for cluster in clusters.indices {
            patiently(&changed.clusters[cluster].connectTimeout, .seconds(1))
            patiently(&changed.clusters[cluster].idleTimeout, .seconds(60))
        }
        patiently(&changed.limits.headTimeout, .seconds(10))
        patiently(&changed.limits.idleTimeout, .seconds(300))
        patiently(&changed.limits.streamIdleTimeout, .seconds(300))
        return changed
    }

    private func patiently(_ limit: inout Duration, _ usual: Duration) {
        if limit == usual { limit = .seconds(900) }
    }
}
