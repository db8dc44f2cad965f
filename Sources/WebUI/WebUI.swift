import HTTPServer

/// The pages, written by hand and part of the binary. They call only the public APIs of the same
/// origin and load nothing from elsewhere.
///
/// `/` and the addresses of the pages (`/ui/traces`, `/ui/trace/{id}` …) answer one document that
/// draws the page its address names; `/ui/{file}` are its style sheet and modules. Files are served
/// without the bearer token: they hold no data, and the page asks for it when an API wants it.
package enum WebUI {
    /// Pages by the second segment of their address. `trace` carries an id behind it.
    private static let pages = ["traces", "metrics", "logs", "alerts"]

    package static func register(on router: inout Router) {
        var options = RouteOptions(errors: ErrorRenderers.text)
        options.needsToken = false
        let document = UIFile(
            PackageResources.index_html, contentType: "text/html; charset=utf-8")
        router.on(.get, "/", options: options, document.answer)
        router.on(.get, "/ui", options: options, document.answer)
        for page in pages { router.on(.get, "/ui/\(page)", options: options, document.answer) }
        router.on(.get, "/ui/trace/{id}", options: options, document.answer)
        for (name, file) in files {
            router.on(.get, "/ui/\(name)", options: options, file.answer)
        }
        router.on(.get, "/graph", options: options, graph)
        router.on(.get, "/alerts", options: options) { _ in .redirect(to: "/ui/alerts") }
    }

    /// Prometheus's address of a graph, which notifications link to as an alert's source.
    @Sendable
    private static func graph(_ request: HTTPRequest) -> HTTPResponse {
        let name = "g0.expr="
        // As it was sent, so that nothing has to be encoded again.
        let expression = request.rawQuery.split(separator: "&").first { $0.hasPrefix(name) }
        guard let expression else { return .redirect(to: "/ui/metrics") }
        return .redirect(to: "/ui/metrics?expr=\(expression.dropFirst(name.count))")
    }

    private static var files: [(name: String, file: UIFile)] {
        let script = "text/javascript; charset=utf-8"
        let style = "text/css; charset=utf-8"
        return [
            ("favicon.svg", UIFile(PackageResources.favicon_svg, contentType: "image/svg+xml")),
            ("style.css", UIFile(PackageResources.style_css, contentType: style)),
            ("alerts.js", UIFile(PackageResources.alerts_js, contentType: script)),
            ("api.js", UIFile(PackageResources.api_js, contentType: script)),
            ("app.js", UIFile(PackageResources.app_js, contentType: script)),
            ("chart.js", UIFile(PackageResources.chart_js, contentType: script)),
            ("dom.js", UIFile(PackageResources.dom_js, contentType: script)),
            ("lines.js", UIFile(PackageResources.lines_js, contentType: script)),
            ("logs.js", UIFile(PackageResources.logs_js, contentType: script)),
            ("metrics.js", UIFile(PackageResources.metrics_js, contentType: script)),
            ("model.js", UIFile(PackageResources.model_js, contentType: script)),
            ("trace.js", UIFile(PackageResources.trace_js, contentType: script)),
            ("traces.js", UIFile(PackageResources.traces_js, contentType: script)),
        ]
    }
}
