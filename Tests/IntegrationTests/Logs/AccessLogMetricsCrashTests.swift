import Foundation
import Testing

/// Request metrics from access logs of the real program: `--access-log-metrics`.
@Suite(
    "Metrics of access logs",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct AccessLogMetricsCrashTests {
    private static let arguments = ["--access-log-metrics", "*", "--span-metrics-interval", "1s"]

    /// Istio's JSON lines, different in every batch.
    private func lines(_ batch: Int, count: Int) -> [UInt8] {
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        return (0..<count).flatMap { line in
            Array(
                """
                {"start_time":"\(now)","method":"GET","path":"/\(batch)/\(line)","response_code":\
                \(line % 5 == 0 ? 503 : 200),"response_flags":"-","bytes_received":0,"bytes_sent":9,\
                "duration":\(line),"upstream_cluster":"outbound|80||cart.shop.svc.cluster.local"}

                """.utf8)
        }
    }

    private func post(_ body: [UInt8], to server: ServerProcess) async throws -> Bool {
        try await Wire.post(
            server.url + "/api/sidelight/logs?service=istio-proxy", type: "application/x-ndjson",
            body
        ).status == 200
    }

    private func sum(_ selector: String, at server: ServerProcess) async throws -> Double? {
        let query = try #require(
            "sum(\(selector))".addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        let answer = try await Wire.get(server.url + "/api/v1/query?query=\(query)").text
        return answer.firstMatch(of: /"value":\[[0-9.]+,"([0-9.]+)"\]/).flatMap { Double($0.1) }
    }

    @Test(
        "every acknowledged row counts once, over kill -9 in the middle of requests and retries",
        .timeLimit(.minutes(8)))
    func exact() async throws {
        let folder = try TemporaryFolder()
        var acknowledged = 0
        var batch = 0
        var unanswered: [UInt8]?
        for life in 0..<5 {
            let server = try await ServerProcess(data: folder.path + "/data", Self.arguments)
            if let body = unanswered {
                // Stored or not, it counts once.
                #expect(try await post(body, to: server))
                acknowledged += 100
                unanswered = nil
            }
            for _ in 0..<(3 + life) {
                batch += 1
                #expect(try await post(lines(batch, count: 100), to: server))
                acknowledged += 100
            }
            batch += 1
            let body = lines(batch, count: 100)
            let last = Task { try await post(body, to: server) }
            await server.killHard()
            if case .success(true) = await last.result {
                acknowledged += 100
            } else {
                unanswered = body
            }
        }
        let server = try await ServerProcess(data: folder.path + "/data", Self.arguments)
        if let body = unanswered {
            #expect(try await post(body, to: server))
            acknowledged += 100
        }
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(300)
        var counted: Double?
        while counted != Double(acknowledged), clock.now < deadline {
            try await Task.sleep(for: .milliseconds(100))
            counted = try await sum("istio_requests_total", at: server)
        }
        #expect(counted == Double(acknowledged))
        #expect(
            try await sum("istio_requests_total{response_code=\"503\"}", at: server)
                == Double(acknowledged / 5))
        let duration = "istio_request_duration_milliseconds"
        #expect(
            try await sum("\(duration)_bucket{le=\"10\"}", at: server)
                == Double(acknowledged / 100 * 11))
        #expect(try await sum("\(duration)_count", at: server) == Double(acknowledged))
        #expect(
            try await sum("\(duration)_sum", at: server) == Double(acknowledged / 100 * 4_950))
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("nothing is counted unless it is asked for, and other texts are refused")
    func off() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--span-metrics-interval", "1s"])
        #expect(try await post(lines(1, count: 10), to: server))
        #expect(await server.stop() == 0)
        let again = try await ServerProcess(data: folder.path + "/data")
        #expect(try await sum("istio_requests_total", at: again) == nil)
        #expect(await again.stop() == 0)
        let refused = try await Subprocess.run(
            ["serve", "--data", folder.path + "/other", "--access-log-metrics", ","])
        #expect(refused.status == 2 && refused.error.contains("access-log-metrics"))
    }
}
