import ArgumentParser
import Foundation
import LogQL
import Platform
import QueryCore
import Telemetry

/// `sidelight query logql`: lines or numbers of a range of time, or lines as they arrive.
struct LogQueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logql", abstract: "Ask for log lines, or for numbers from them.",
        discussion: """
            Without --from and --to a query of lines covers the last hour, and a query of numbers is \
            answered for now. With --from a query of numbers is answered for every --step.

            --follow prints the newest lines and then every line as it arrives, until Ctrl-C. Lines that \
            it missed because they came too fast are told on standard error, and so is a server that goes \
            away: lines go on when it is back.

            Times are RFC 3339, seconds since 1970, now, or now-2h. --output json prints what the server \
            answers (Loki's API); with --follow one message of Loki's tail a line.

            Exit codes: 0 done; 2 usage, or a query that is none; 3 cannot reach the server, or it refuses.
            """)

    @Argument(help: "LogQL, such as '{service_name=\"cart\"} |= \"error\"'.")
    var expression: String
    @Option(help: ArgumentHelp("First time (default: an hour before --to).", valueName: "time"))
    var from: String?
    @Option(help: ArgumentHelp("Time at which it ends (default: now).", valueName: "time"))
    var to: String?
    @Option(help: ArgumentHelp("Between numbers (default: 250 of them).", valueName: "duration"))
    var step: String?
    @Option(help: ArgumentHelp("Lines at most, the newest (default: 100).", valueName: "count"))
    var limit: Int = 100
    @Flag(help: "Print lines as they arrive.")
    var follow = false
    @Option(
        help: ArgumentHelp(
            "How long lines wait to be put in order, 0 to 5 s (default: 0).", valueName: "seconds"))
    var delayFor: Int = 0
    @Option(help: ArgumentHelp("table (default), json or csv.", valueName: "format"))
    var output: QueryOutput = .table
    @OptionGroup var target: ServerOptions

    mutating func run() async throws {
        try await target.ask { client in
            let isMetric = try self.isMetric()
            let now = Timestamp(nanoseconds: SystemClock().wallNanoseconds)
            if follow {
                guard !isMetric, to == nil else {
                    throw ConfigurationError(
                        description: "--follow takes a query of lines, and no --to")
                }
                let start = try TimeArgument.parse(from, flag: "--from", now: now)?.nanoseconds
                let items = [
                    ("query", expression), ("limit", String(limit)),
                    ("delay_for", String(delayFor)),
                ]
                try await LogFollow(address: client.address, output: output) { next in
                    let time = (next ?? start).map { [("start", String($0))] } ?? []
                    return "/loki/api/v1/tail?" + QueryClient.encoded(items + time)
                }.run()
            } else {
                let answer = try await client.get(
                    try path(now, isMetric: isMetric),
                    headers: output == .json ? [] : [LokiHeader.shortLabels])
                try LogQueryPrinter(output: output).print(answer)
            }
        }
    }

    private func isMetric() throws(ConfigurationError) -> Bool {
        do throws(QueryError) {
            if case .metric = try LogQLEngine.parse(expression) { return true }
            return false
        } catch {
            throw ConfigurationError(description: error.message)
        }
    }

    private func path(_ now: Timestamp, isMetric: Bool) throws(ConfigurationError) -> String {
        var items = [("query", expression)]
        let last = try TimeArgument.parse(to, flag: "--to", now: now) ?? now
        if isMetric, from == nil {
            items.append(("time", String(last.nanoseconds)))
            return "/loki/api/v1/query?" + QueryClient.encoded(items)
        }
        let first =
            try TimeArgument.parse(from, flag: "--from", now: now)
            ?? last.advanced(byNanoseconds: -TimeArgument.hourNanoseconds)
        items.append(("start", String(first.nanoseconds)))
        items.append(("end", String(last.nanoseconds)))
        items.append(("limit", String(limit)))
        if let step { items.append(("step", step)) }
        return "/loki/api/v1/query_range?" + QueryClient.encoded(items)
    }
}
