import ArgumentParser
import Foundation

/// `sidelight alerts deliveries`.
struct DeliveriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliveries", abstract: "Show what became of notifications, newest first.",
        discussion: """
            Asks a running server for its outbox: what is due, what was delivered and what was given up, with \
            the last error.

            Exit codes: 0 done; 2 usage; 3 cannot reach the server.
            """)

    @Option(help: ArgumentHelp("Most notifications (default: 50).", valueName: "count"))
    var limit = 50
    @Option(help: ArgumentHelp("text (default) or json.", valueName: "format"))
    var output: AlertsOutput = .text
    @OptionGroup var target: ServerOptions

    private struct Answer: Decodable {
        struct Delivery: Decodable {
            var receiver: String
            var state: String
            var createdAt: String
            var attempts: Int
            var nextAttemptAt: String?
            var lastError: String?
        }

        var deliveries: [Delivery]
    }

    mutating func run() async throws {
        let bytes = try await target.get("/api/sidelight/alerts/deliveries?limit=\(limit)")
        guard output == .text else { return print(String(decoding: bytes, as: UTF8.self)) }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(bytes))
        for delivery in answer.deliveries {
            var line = "\(delivery.createdAt)  \(delivery.state)  \(delivery.receiver)  "
            line += "attempts: \(delivery.attempts)"
            if let next = delivery.nextAttemptAt { line += "  next: \(next)" }
            if let error = delivery.lastError { line += "  \(error)" }
            print(line)
        }
    }
}
