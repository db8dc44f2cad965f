import HTTPServer
import Logging
import Platform

/// Ports on loopback that the demo's parts serve.
package enum DemoListener {
    package static func open(port: Int, _ router: Router) async throws(ListenError) -> HTTPListener
    {
        var logger = Logger(label: "sidelight.demo") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        return try await HTTPListener.open(
            .init(address: ListenAddress(host: "127.0.0.1", port: port), flag: "--listen"),
            routes: router.compiled(), events: EventLog(logger: logger))
    }
}
