import Compression
import Foundation
import Testing
import WireFormats

/// The calls that Grafana's Prometheus data source makes, to the real program and to Prometheus 2.42: status,
/// media type and every member of their answers are the same. Ours may have more: it answers as version 3.
@Suite(
    .serialized,
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .enabled(
        if: PrometheusProcess.binary != nil,
        "SIDELIGHT_PROMETHEUS names no Prometheus (Debian: prometheus)"))
struct GrafanaReplayTests {
    /// A call as Grafana makes it.
    private struct Call {
        var path: String
        /// Sent as a form; `nil` gets.
        var form: String?
        /// Whether the data must be equal, not only of the same shape.
        var isExact = true
        /// What 2.42 says in other words than 3.
        var isError = false
    }

    private static let second = ComparisonSeries.start / 1_000
    private static let span = "start=\(second)&end=\(second + 3_600)"

    private static let calls: [Call] = [
        // Saving the data source: the health check and what kind of server it is.
        Call(path: "/api/v1/query", form: "query=1%2B1&time=\(second)"),
        Call(path: "/api/v1/status/buildinfo", isExact: false),
        Call(path: "/api/v1/status/flags", isExact: false),
        // The editor: metrics, labels, values, help.
        Call(path: "/api/v1/label/__name__/values?\(span)"),
        Call(path: "/api/v1/labels", form: span),
        Call(path: "/api/v1/labels", form: span + "&match[]=temperature"),
        Call(path: "/api/v1/labels?match%5B%5D=%7B__name__%3D%22load%22%7D&\(span)"),
        Call(path: "/api/v1/label/job/values?match%5B%5D=requests_total&\(span)"),
        Call(path: "/api/v1/label/none/values?\(span)"),
        // In the order of their arrival there, of their labels here.
        Call(path: "/api/v1/series", form: span + "&match[]=build_info", isExact: false),
        Call(path: "/api/v1/series?match%5B%5D=load%7Bjob%3D%22api%22%7D&\(span)"),
        Call(path: "/api/v1/metadata"),
        Call(path: "/api/v1/metadata?metric=none"),
        // Panels.
        Call(
            path: "/api/v1/query_range",
            form: "query=sum%20by%20(job)%20(rate(requests_total%5B5m%5D))&step=15"
                + "&start=\(second).123&end=\(second + 1_800).123"),
        Call(
            path: "/api/v1/query",
            form: "query=topk(2,%20temperature)&time=\(second + 1_200).123"),
        Call(path: "/api/v1/query", form: "query=load%5B1m%5D&time=\(second + 1_200).123"),
        Call(path: "/api/v1/query", form: "query=%22text%22&time=\(second)"),
        Call(path: "/api/v1/query?query=none&time=\(second)"),
        Call(
            path: "/api/v1/query_exemplars",
            form: "query=latency_bucket&\(span)"),
        // Statistics of a panel's queries.
        Call(
            path: "/api/v1/query", form: "query=load&stats=all&time=\(second + 1_200).123",
            isExact: false),
        // Alerting pages and annotations.
        Call(path: "/api/v1/rules"), Call(path: "/api/v1/rules?type=alert"),
        Call(path: "/api/v1/alerts"), Call(path: "/api/v1/alertmanagers"),
        Call(path: "/api/v1/targets?state=active", isExact: false),
        Call(path: "/api/v1/targets/metadata"),
        Call(path: "/api/v1/status/walreplay", isExact: false),
        Call(path: "/api/v1/status/runtimeinfo", isExact: false),
        Call(path: "/api/v1/status/config", isExact: false),
        Call(path: "/api/v1/format_query?query=sum(up)by(job)"),
        Call(path: "/federate?match%5B%5D=none"),
        // Mistakes in the editor.
        Call(path: "/api/v1/query", form: "query=up%7B&time=\(second)", isError: true),
        Call(path: "/api/v1/query", form: "query=&time=\(second)", isError: true),
        Call(path: "/api/v1/query", form: "query=rate(up)&time=\(second)", isError: true),
        Call(path: "/api/v1/query", form: "query=up&time=never", isError: true),
        Call(
            path: "/api/v1/query_range", form: "query=up&step=0&\(span)", isError: true),
        Call(
            path: "/api/v1/query_range", form: "query=up&step=0.01&\(span)", isError: true),
        Call(path: "/api/v1/query_range", form: "query=up&step=1", isError: true),
        Call(path: "/api/v1/series", form: span, isError: true),
        Call(path: "/api/v1/series?match%5B%5D=%7B%7D", isError: true),
        Call(
            path: "/api/v1/query",
            form: "query=load%20*%20on%20(job)%20temperature&time=\(second + 1_200).123",
            isError: true),
        Call(path: "/api/v1/rules?type=other", isError: true),
        Call(path: "/api/v1/admin/tsdb/snapshot", form: "", isError: true),
    ]

    @Test("every answer has what Prometheus's has", .timeLimit(.minutes(8)))
    func replay() async throws {
        let folder = try TemporaryFolder()
        let theirs = try await PrometheusProcess(
            folder: folder, features: ["exemplar-storage", "promql-per-step-stats"])
        let ours = try await ServerProcess(data: folder.path + "/data", ["--retention", "100y"])
        let body = Snappy.compress(RemoteWrite.encode(ComparisonSeries(seed: 3).batch))
        for url in [ours.url, theirs.url] {
            let answer = try await Wire.post(
                url + "/api/v1/write", type: "application/x-protobuf", encoding: "snappy", body)
            try #require((200..<300).contains(answer.status), "\(url): \(answer.text)")
        }
        for call in Self.calls {
            let left = try await Self.send(call, to: ours.url)
            let right = try await Self.send(call, to: theirs.url)
            let name = "\(call.path) \(call.form ?? "")"
            #expect(left.status == right.status, "\(name): \(left.text) \(right.text)")
            #expect(
                left.contentType.prefix { $0 != ";" } == right.contentType.prefix { $0 != ";" },
                "\(name)")
            guard right.contentType.hasPrefix("application/json") else {
                #expect(left.text == right.text, "\(name)")
                continue
            }
            let shapes = (try JSONShape(left.bytes), try JSONShape(right.bytes))
            for missing in shapes.0.lacks(of: shapes.1) {
                Issue.record(
                    "\(name): \(missing): \(left.text.prefix(400)) \(right.text.prefix(400))")
            }
            if call.isError {
                #expect(try Self.kind(left) == Self.kind(right), "\(name): \(left.text)")
            } else if call.isExact {
                // Sums of floats may end in another digit: their order is nobody's promise.
                let difference =
                    call.path.hasSuffix("/query") || call.path.hasSuffix("/query_range")
                    ? try ComparedAnswer(left).difference(from: try ComparedAnswer(right))
                    : left.text == right.text
                        ? nil : "\(left.text.prefix(400)) \(right.text.prefix(400))"
                #expect(difference == nil, "\(name)")
            }
        }
        await theirs.stop()
        #expect(await ours.stop() == 0, "\(ours.standardError)")
    }

    private static func send(_ call: Call, to url: String) async throws -> WireAnswer {
        guard let form = call.form else { return try await Wire.get(url + call.path) }
        return try await Wire.post(
            url + call.path, type: "application/x-www-form-urlencoded", Array(form.utf8))
    }

    private static func kind(_ answer: WireAnswer) throws -> String? {
        let json = try JSONSerialization.jsonObject(with: Data(answer.bytes)) as? [String: Any]
        return json?["errorType"] as? String
    }
}

/// The members of a JSON value and the kinds of their values.
private struct JSONShape {
    private let value: Any

    init(_ bytes: [UInt8]) throws {
        value = try JSONSerialization.jsonObject(with: Data(bytes))
    }

    private init(value: Any) { self.value = value }

    /// What `other` has and this has not.
    func lacks(of other: JSONShape, at path: String = "") -> [String] {
        switch (value, other.value) {
        case (let ours as [String: Any], let theirs as [String: Any]):
            return theirs.sorted { $0.key < $1.key }.flatMap { key, value -> [String] in
                // What a Go runtime tells of itself, and flags that Prometheus alone has.
                if path == "/data", Self.otherRuntime(key) { return [] }
                guard let own = ours[key] else { return ["no \(path)/\(key)"] }
                return JSONShape(value: own).lacks(
                    of: JSONShape(value: value), at: "\(path)/\(key)")
            }
        case (let ours as [Any], let theirs as [Any]):
            guard let first = theirs.first else { return [] }
            guard let own = ours.first else { return ["\(path) is empty"] }
            return JSONShape(value: own).lacks(of: JSONShape(value: first), at: path + "/0")
        case (is String, is String), (is NSNumber, is NSNumber), (is NSNull, is NSNull): return []
        default: return ["\(path) is of another kind"]
        }
    }

    private static func otherRuntime(_ key: String) -> Bool {
        ["goroutineCount", "GOGC", "GODEBUG", "GOMEMLIMIT", "corruptionCount"].contains(key)
            || key.contains(".") || key == "enable-feature"
    }
}
