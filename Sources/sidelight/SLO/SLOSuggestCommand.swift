import ArgumentParser
import Foundation
import PromQL

/// `sidelight slo suggest`.
struct SLOSuggestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suggest",
        abstract: "Suggest objectives from a running server's traffic.",
        discussion: """
            For the busiest services, by the request counters of proxies and of spans: the strictest \
            objective for availability and for latency that the past would have kept with half of its \
            budget to spare and with at most one page a month, replayed over the time looked at.

            Prints Sloth specifications, for serve --slos and slo generate.

            Exit codes: 0 done; 1 there is not enough traffic; 2 usage; 3 cannot reach the server, or write \
            the file.
            """)

    /// The part of the answer that is printed.
    private struct Answer: Decodable {
        struct Suggestion: Decodable {
            var events: Double
            var badEvents: Double
            var predictedPages: Int
            var period: String
            var specification: String
        }
        var suggestions: [Suggestion]
    }

    @OptionGroup var target: ServerOptions
    @Option(help: ArgumentHelp("Time to look back.", valueName: "duration"))
    var period = "30d"
    @Option(help: ArgumentHelp("Services, the busiest first.", valueName: "count"))
    var limit = 20
    @Option(help: ArgumentHelp("File to write instead of standard output.", valueName: "file"))
    var out: String?

    mutating func run() async throws {
        let text = try await specifications()
        guard let out else { return FileHandle.standardOutput.write(Data(text.utf8)) }
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: out), options: .atomic)
        } catch {
            try Failure.exit(
                .unreachable, "cannot write --out \(out): \(error.localizedDescription)")
        }
    }

    private func specifications() async throws -> String {
        let query = QueryClient.encoded([("period", period), ("limit", "\(limit)")])
        let bytes = try await target.get("/api/sidelight/slos/suggestions?\(query)")
        let answer = try JSONDecoder().decode(Answer.self, from: Data(bytes))
        guard !answer.suggestions.isEmpty else {
            try Failure.exit(
                .checkFailed,
                "nothing to suggest: of no service are there 100 requests within \(period), of which 95 "
                    + "in 100 were good, in istio_requests_total (reporter=\"destination\", by "
                    + "destination_service) or in the metrics that are made of spans")
        }
        return answer.suggestions.map(Self.text).joined(separator: "---\n")
    }

    private static func text(_ suggestion: Answer.Suggestion) -> String {
        let events = NumberFormat.decimal(suggestion.events.rounded())
        let bad = NumberFormat.decimal(suggestion.badEvents.rounded())
        let pages = suggestion.predictedPages == 1 ? "1 page" : "\(suggestion.predictedPages) pages"
        return "# In \(suggestion.period): \(events) requests, \(bad) of them bad, \(pages).\n"
            + suggestion.specification
    }
}
