import ArgumentParser
import Foundation
import Platform
import Telemetry

/// `sidelight query promql`: numbers at one time as a table, over a range as a graph.
struct MetricQueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promql", abstract: "Ask for metrics.",
        discussion: """
            Without --from an expression is answered for --to (now). With --from it is answered for every \
            --step and drawn, with a line for each series below. Colours are left out where the output is \
            no terminal or NO_COLOR is set; series then have a graph each.

            Times are RFC 3339, seconds since 1970, now, or now-2h. --output json prints what the server \
            answers (Prometheus's API). Warnings go to standard error.

            Exit codes: 0 done; 2 usage, or an expression that is none; 3 cannot reach the server, or it \
            refuses.
            """)

    @Argument(help: "PromQL, such as 'sum by (job) (rate(requests_total[5m]))'.")
    var expression: String
    @Option(help: ArgumentHelp("First time of a range.", valueName: "time"))
    var from: String?
    @Option(
        help: ArgumentHelp("Time asked for, or last of a range (default: now).", valueName: "time"))
    var to: String?
    @Option(help: ArgumentHelp("Between values (default: 250 of them).", valueName: "duration"))
    var step: String?
    @Option(help: ArgumentHelp("table (default), json or csv.", valueName: "format"))
    var output: QueryOutput = .table
    @OptionGroup var target: ServerOptions

    /// Values of a range whose step is not given.
    private static let stepsWanted: Int64 = 250

    mutating func run() async throws {
        try await target.ask { client in
            let path = try path(Timestamp(nanoseconds: SystemClock().wallNanoseconds))
            let answer = try await client.get(path)
            try MetricQueryPrinter(output: output, terminal: Terminal.current).print(answer)
        }
    }

    private func path(_ now: Timestamp) throws(ConfigurationError) -> String {
        let last = try TimeArgument.parse(to, flag: "--to", now: now) ?? now
        var items = [("query", expression)]
        guard let first = try TimeArgument.parse(from, flag: "--from", now: now) else {
            guard step == nil else {
                throw ConfigurationError(description: "--step needs --from")
            }
            items.append(("time", Self.seconds(last)))
            return "/api/v1/query?" + QueryClient.encoded(items)
        }
        guard first < last else {
            throw ConfigurationError(description: "--from is not before --to")
        }
        items.append(("start", Self.seconds(first)))
        items.append(("end", Self.seconds(last)))
        items.append(("step", step ?? Self.standardStep(last.nanoseconds(since: first))))
        return "/api/v1/query_range?" + QueryClient.encoded(items)
    }

    private static func seconds(_ time: Timestamp) -> String {
        let milliseconds = time.milliseconds
        let fraction = String(milliseconds % 1_000 + 1_000).dropFirst()
        return "\(milliseconds / 1_000).\(fraction)"
    }

    /// Whole seconds.
    private static func standardStep(_ nanoseconds: Int64) -> String {
        "\(max(1, nanoseconds / 1_000_000_000 / stepsWanted))s"
    }
}
