import HTTPServer
import PromQL
import Store
import Telemetry

/// The parameters of `/alerts/history`: `alertname`, `state`, `from`, `to` and any number of `label=NAME=VALUE`.
enum AlertHistoryRequest {
    private static let states = ["inactive", "pending", "firing", "resolved"]

    static func filter(
        _ request: HTTPRequest, now: Timestamp
    ) throws(HTTPError) -> AlertHistoryFilter {
        var filter = AlertHistoryFilter()
        filter.rule = given("alertname", request)
        filter.from = try time("from", request, now)
        filter.to = try time("to", request, now)
        if let state = given("state", request) {
            guard states.contains(state) else {
                throw .badRequest("state must be one of \(states.joined(separator: ", "))")
            }
            filter.state = state
        }
        for text in request.parameters.all("label") {
            guard let sign = text.firstIndex(of: "="), sign > text.startIndex else {
                throw .badRequest("label must be NAME=VALUE, not \"\(text)\"")
            }
            filter.labels[String(text[..<sign])] = String(text[text.index(after: sign)...])
        }
        return filter
    }

    private static func given(_ name: String, _ request: HTTPRequest) -> String? {
        guard let text = request.parameters[name], !text.isEmpty else { return nil }
        return text
    }

    /// RFC 3339, seconds since 1970, `now` or `now-1h`.
    private static func time(
        _ name: String, _ request: HTTPRequest, _ now: Timestamp
    ) throws(HTTPError) -> Timestamp? {
        guard let text = given(name, request) else { return nil }
        if text == "now" { return now }
        if text.hasPrefix("now-"), let ago = TimeText.promQLDuration(String(text.dropFirst(4))) {
            return Timestamp(milliseconds: now.milliseconds - ago)
        }
        if let milliseconds = TimeText.promQL(text) { return Timestamp(milliseconds: milliseconds) }
        throw .badRequest(
            "\(name) must be a time such as 2026-01-02T03:04:05Z, seconds since 1970, now or now-1h, "
                + "not \"\(text)\"")
    }
}
