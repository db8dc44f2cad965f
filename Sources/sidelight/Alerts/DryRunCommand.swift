import ArgumentParser
import Foundation

/// `sidelight alerts dry-run`.
struct DryRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dry-run", abstract: "Say who would be told of an alert, when, and why not.",
        discussion: """
            Asks a running server what its routes, silences, inhibitions and time intervals would make of an \
            alert with these labels that begins to fire now, or at --time. Nothing is sent.

            Exit codes: 0 somebody would be told; 1 nobody would; 2 usage; 3 cannot reach the server.
            """)

    @Argument(help: "Labels, such as alertname=Busy severity=page.")
    var labels: [String]
    @Option(
        help: ArgumentHelp("When it begins to fire (RFC 3339; default: now).", valueName: "time"))
    var time: String?
    @Option(help: ArgumentHelp("text (default) or json.", valueName: "format"))
    var output: AlertsOutput = .text
    @OptionGroup var target: ServerOptions

    mutating func run() async throws {
        var items = labels.map { ("label", $0) }
        if let time { items.append(("time", time)) }
        let bytes = try await target.get(
            "/api/sidelight/alerts/dry-run?" + QueryClient.encoded(items))
        let answer = try JSONDecoder().decode(DryRunAnswer.self, from: Data(bytes))
        switch output {
        case .json: print(String(decoding: bytes, as: UTF8.self))
        case .text: for line in answer.lines { print(line) }
        }
        if !answer.told { throw ExitCode(ExitStatus.checkFailed.rawValue) }
    }
}

/// Forms of an answer.
enum AlertsOutput: String, ExpressibleByArgument {
    case text, json
}

/// What `/api/sidelight/alerts/dry-run` answers.
struct DryRunAnswer: Decodable {
    struct Route: Decodable {
        struct Integration: Decodable {
            var kind: String
            var address: String
            var sendsResolved: Bool
        }

        var route: String
        var receiver: String
        var integrations: [Integration]
        var groupLabels: [String: String]
        var toldAt: String
        var repeatSeconds: Int
        var mutedBy: [String]
    }

    struct Silence: Decodable {
        var id: String
        var createdBy: String
        var comment: String
        var endsAt: String
    }

    struct Inhibitor: Decodable {
        var labels: [String: String]
    }

    struct Direct: Decodable {
        var name: String
        var address: String
    }

    var time: String
    var told: Bool
    var routes: [Route]
    var silencedBy: [Silence]
    var inhibitedBy: [Inhibitor]
    /// Who is told past all routes.
    var direct: [Direct]

    var lines: [String] {
        var lines: [String] = []
        for silence in silencedBy {
            lines.append(
                "silenced until \(silence.endsAt) by \(silence.createdBy): \(silence.comment) "
                    + "(\(silence.id))")
        }
        for inhibitor in inhibitedBy {
            lines.append("inhibited by \(Self.text(inhibitor.labels))")
        }
        let isMuted = !silencedBy.isEmpty || !inhibitedBy.isEmpty
        for route in routes {
            lines.append("route \(route.route) to receiver \(route.receiver)")
            lines.append("  group \(Self.text(route.groupLabels))")
            if !route.mutedBy.isEmpty {
                lines.append("  muted by the times \(route.mutedBy.joined(separator: ", "))")
            }
            if route.integrations.isEmpty {
                lines.append("  nobody: the receiver has no integrations")
            }
            let verb = isMuted || !route.mutedBy.isEmpty ? "would be told" : "told"
            for integration in route.integrations {
                lines.append(
                    "  \(verb) at \(route.toldAt), then every \(route.repeatSeconds)s: "
                        + "\(integration.kind) \(integration.address)"
                        + (integration.sendsResolved ? "" : ", not of the end"))
            }
        }
        for one in direct {
            lines.append(
                "\(one.name) (--webhook)\n  told at once of what rules raise, whatever routes and "
                    + "silences say: \(one.address)")
        }
        lines.append(told ? "somebody is told" : "nobody is told")
        return lines
    }

    private static func text(_ labels: [String: String]) -> String {
        let pairs = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }
        return "{\(pairs.joined(separator: ", "))}"
    }
}
