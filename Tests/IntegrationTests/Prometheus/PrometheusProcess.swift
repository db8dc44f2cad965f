import Foundation
import Testing

/// Prometheus itself, receiving remote writes, in a folder of its own.
final class PrometheusProcess: Sendable {
    /// Debian 12's, 2.42; `nil` if it is not at hand.
    static let binary = ProcessInfo.processInfo.environment["SIDELIGHT_PROMETHEUS"]
        .flatMap { $0.isEmpty ? nil : $0 }

    private let program: Subprocess
    let url: String

    /// Starts it on a free port and waits until it is ready.
    /// - Parameters:
    ///   - content: of `prometheus.yml`.
    ///   - features: turned on beside those that PromQL needs.
    init(
        folder: TemporaryFolder, configuration content: String = "global: {}\n",
        features: [String] = []
    ) async throws {
        let configuration = try folder.file("prometheus.yml", content)
        program = try Subprocess(command: [
            try #require(Self.binary), "--config.file=\(configuration)",
            "--storage.tsdb.path=\(folder.path)/prometheus", "--web.listen-address=127.0.0.1:0",
            "--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=100y",
            "--enable-feature="
                + (["promql-at-modifier", "promql-negative-offset"] + features)
                .joined(separator: ","),
        ])
        let marker = "msg=\"Listening on\" address="
        guard await program.says("msg=\"Server is ready to receive web requests.\""),
            await program.says(marker)
        else {
            throw ServerProcess.Failure(description: program.standardError)
        }
        let text = program.standardError
        let address = try #require(text.range(of: marker).map { text[$0.upperBound...] })
        url = "http://" + address.prefix { !$0.isWhitespace }
    }

    func stop() async {
        program.send(SIGTERM)
        _ = await program.exit()
    }
}
