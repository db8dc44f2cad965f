import HTTPServer
import QueryCore
import Store
import WireFormats

/// `/api/v1/admin/tsdb/…`: only where the operator allowed it.
extension PrometheusAPI {
    func registerAdmin(on group: inout RouteGroup) {
        let methods: [HTTPMethod] = [.post, .put]
        group.on(methods, "/api/v1/admin/tsdb/delete_series", deleteSeries)
        // What is deleted is gone: there is nothing to clean.
        group.on(methods, "/api/v1/admin/tsdb/clean_tombstones") { _ in
            _ = try allowed()
            return .empty()
        }
        group.on(methods, "/api/v1/admin/tsdb/snapshot", snapshot)
    }

    private func allowed() throws(HTTPError) -> any MetricAdministration {
        guard let admin else { throw PrometheusRefusal.disabled("admin APIs disabled") }
        return admin
    }

    private func deleteSeries(_ request: HTTPRequest) async throws -> HTTPResponse {
        let admin = try allowed()
        let parameters = PrometheusParameters(request)
        let (range, sets) = (try parameters.range(), try parameters.matchers())
        guard !sets.isEmpty else { throw HTTPError.badRequest("no match[] parameter provided") }
        try await runner.run { _ in try admin.deleteSeries(matchingAny: sets, in: range) }
        return .empty()
    }

    private func snapshot(_ request: HTTPRequest) async throws -> HTTPResponse {
        let admin = try allowed()
        let skipsHead: Bool
        switch request.parameters["skip_head"] ?? "" {
        case "", "false", "0", "f", "F", "FALSE", "False": skipsHead = false
        case "true", "1", "t", "T", "TRUE", "True": skipsHead = true
        case let text:
            throw PrometheusParameters.invalid(
                "skip_head", "unable to parse boolean \"\(text)\"")
        }
        let folder = try await runner.run { _ in
            try admin.snapshotMetrics(includesHead: !skipsHead)
        }
        let name = folder.split(separator: "/").last.map(String.init) ?? folder
        return .json(
            PrometheusEnvelope.success { data in
                data.object { $0.field("name", name) }
            })
    }
}
