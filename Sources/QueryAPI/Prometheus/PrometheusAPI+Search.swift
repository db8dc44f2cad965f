import HTTPServer
import QueryCore
import Store
import Telemetry
import WireFormats

/// `/api/v1/search/metric_names`, `label_names` and `label_values`: names like those that somebody begins to type, as
/// lines of JSON: batches of results, then one that says whether there are more.
extension PrometheusAPI {
    func registerSearch(on group: inout RouteGroup) {
        group.on([.get, .post], "/api/v1/search/metric_names") { try await searchMetricNames($0) }
        group.on([.get, .post], "/api/v1/search/label_names") { request in
            let search = try NameSearch(
                request, subject: "label_names", now: runner.nowMilliseconds)
            return try await answer(search, member: "name") { store, matchers in
                try store.labelNames(matching: matchers, in: search.range)
            }
        }
        group.on([.get, .post], "/api/v1/search/label_values") { request in
            let search = try NameSearch(
                request, subject: "label_values", now: runner.nowMilliseconds)
            let label = request.parameters["label"] ?? ""
            guard !label.isEmpty else {
                throw HTTPError.badRequest("missing required parameter \"label\"")
            }
            return try await answer(search, member: "value") { store, matchers in
                try store.labelValues(of: label, matching: matchers, in: search.range)
            }
        }
    }

    private func searchMetricNames(_ request: HTTPRequest) async throws -> HTTPResponse {
        let search = try NameSearch(request, subject: "metric_names", now: runner.nowMilliseconds)
        let showsMetadata = try NameSearch.flag("include_metadata", request.parameters) ?? false
        return try await answer(search, member: "name", showsMetadata: showsMetadata) {
            store, matchers in
            try store.labelValues(of: Labels.metricName, matching: matchers, in: search.range)
        }
    }

    private func answer(
        _ search: NameSearch, member: StaticString, showsMetadata: Bool = false,
        _ names: @escaping @Sendable (any MetricStore, [LabelMatcher]) throws -> [String]
    ) async throws -> HTTPResponse {
        let bytes = try await runner.run { [store] context in
            let all = try union(search.sets, context) { try names(store, $0) }
            var known: [String: MetricMetadata] = [:]
            if showsMetadata {
                for entry in try store.metricMetadata() { known[entry.family] = entry }
            }
            return Self.lines(search, try search.results(among: all, context), member, known)
        }
        return HTTPResponse(
            status: 200, contentType: "application/x-ndjson; charset=utf-8", body: bytes)
    }

    private static func lines(
        _ search: NameSearch, _ found: [(name: String, score: Double)], _ member: StaticString,
        _ metadata: [String: MetricMetadata]
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        func line(_ write: (inout JSONWriter) -> Void) {
            var writer = JSONWriter()
            writer.object(write)
            bytes += writer.bytes + [UInt8(ascii: "\n")]
        }
        let shown = found.prefix(search.limit)
        var start = 0
        repeat {
            let batch = shown[start..<min(start + search.batchCount, shown.count)]
            line {
                $0.arrayField("results") { array in
                    for result in batch {
                        array.object {
                            $0.field(member, result.name)
                            if search.showsScore { $0.field("score", result.score) }
                            if let entry = metadata[result.name] { $0.members(of: entry) }
                        }
                    }
                }
            }
            start += batch.count
        } while start < shown.count
        line {
            $0.field("status", "success")
            $0.field("has_more", found.count > search.limit)
        }
        return bytes
    }
}

extension JSONWriter {
    /// Empty ones are left out.
    fileprivate mutating func members(of entry: MetricMetadata) {
        field("type", entry.type.promQLName)
        if !entry.help.isEmpty { field("help", entry.help) }
        if !entry.unit.isEmpty { field("unit", entry.unit) }
    }
}
