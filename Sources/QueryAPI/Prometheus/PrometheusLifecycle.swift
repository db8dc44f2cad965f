import HTTPServer

/// What `/-/reload` and `/-/quit` do where they are turned on.
package struct PrometheusLifecycle: Sendable {
    /// Reads the configuration again; the reasons why some of the old one stays.
    let reload: @Sendable () async -> [String]
    /// Begins to end the program.
    let quit: @Sendable () -> Void

    package init(
        reload: @escaping @Sendable () async -> [String], quit: @escaping @Sendable () -> Void
    ) {
        self.reload = reload
        self.quit = quit
    }
}

extension PrometheusAPI {
    /// The answers are Prometheus's (web/web.go), also where the routes are turned off.
    func registerLifecycle(on group: inout RouteGroup) {
        guard let lifecycle else {
            for action in ["reload", "quit"] {
                group.on([.post, .put], "/-/\(action)") { _ in
                    .text("Lifecycle API is not enabled.\n", status: 403)
                }
            }
            return
        }
        group.on([.post, .put], "/-/reload") { _ in
            let mistakes = await lifecycle.reload()
            guard !mistakes.isEmpty else { return HTTPResponse(status: 200) }
            let reasons = mistakes.joined(separator: "\n")
            return .text("failed to reload config: \(reasons)\n", status: 500)
        }
        group.on([.post, .put], "/-/quit") { _ in
            lifecycle.quit()
            return .text("Requesting termination... Goodbye!")
        }
    }
}
