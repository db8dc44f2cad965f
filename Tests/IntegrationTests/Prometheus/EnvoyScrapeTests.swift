import Foundation
import Testing

/// Envoy's own statistics as the target of real scrapes.
@Suite(
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .enabled(if: EnvoyProcess.program != nil, "SIDELIGHT_ENVOY names no Envoy"))
struct EnvoyScrapeTests {
    @Test("Envoy's statistics are scraped with their types and histograms", .timeLimit(.minutes(8)))
    func statistics() async throws {
        let folder = try TemporaryFolder()
        let files = folder.path + "/envoy"
        try FileManager.default.createDirectory(
            atPath: files, withIntermediateDirectories: true)
        // What it forwards to and exports to need not be there.
        let envoy = try EnvoyProcess(folder: files, upstream: 9, sidelight: 9)
        defer { envoy.stop() }
        try await envoy.ready()
        let admin = try String(contentsOfFile: files + "/admin", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(try await envoy.get("/nobody", requestID: UUID().uuidString) == 503)
        try """
        scrape_configs:
          - job_name: envoy
            metrics_path: /stats/prometheus
            scrape_interval: 200ms
            scrape_timeout: 200ms
            static_configs: [{targets: ["\(admin)"]}]
        """.write(toFile: folder.path + "/prometheus.yml", atomically: true, encoding: .utf8)
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--scrape-config", folder.path + "/prometheus.yml"])

        try await wait(server, "up{job=\"envoy\"}") { $0 == 1 }
        try await wait(server, "envoy_server_live{job=\"envoy\"}") { $0 == 1 }
        // Five-hundreds of the request above.
        let failures = "sum(envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"5\"})"
        try await wait(server, failures) { $0 >= 1 }
        let metadata = try await Wire.get(server.url + "/api/v1/metadata").text
        for type in ["gauge", "counter", "histogram"] {
            #expect(metadata.contains("\"type\":\"\(type)\""), "\(type)")
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    /// Asks until there is a value that fits, which the time limit of the test bounds.
    private func wait(
        _ server: ServerProcess, _ query: String, until fits: (Double) -> Bool
    ) async throws {
        let escaped = query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        while true {
            let answer = try ComparedAnswer(
                try await Wire.get("\(server.url)/api/v1/query?query=\(escaped)"))
            if let value = answer.series.values.first?.values.first, fits(value) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
