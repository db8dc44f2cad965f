import ArgumentParser
import Foundation
import Platform
import QueryCore
import Telemetry
import TraceQL

/// `sidelight query traceql`: traces with the spans that were asked for, or numbers from spans.
struct TraceQueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "traceql", abstract: "Ask for traces, or for numbers from their spans.",
        discussion: """
            A query of spans answers with the newest traces of the last hour, or of --from to --to, and of \
            each the spans that the query yields. A query of numbers ('| rate()') gives one number a series \
            over that time; with --step it is answered for every step and drawn.

            Times are RFC 3339, seconds since 1970, now, or now-2h. --output json prints what the server \
            answers (Tempo's API), csv a line a span or a number.

            Exit codes: 0 done; 2 usage, or a query that is none; 3 cannot reach the server, or it refuses.
            """)

    @Argument(help: "TraceQL, such as '{ status = error && resource.service.name = \"cart\" }'.")
    var expression: String
    @Option(help: ArgumentHelp("First time (default: an hour before --to).", valueName: "time"))
    var from: String?
    @Option(help: ArgumentHelp("Time at which it ends (default: now).", valueName: "time"))
    var to: String?
    @Option(help: ArgumentHelp("Between numbers; draws them.", valueName: "duration"))
    var step: String?
    @Option(help: ArgumentHelp("Traces at most, the newest (default: 20).", valueName: "count"))
    var limit: Int = 20
    @Option(help: ArgumentHelp("Spans shown of each trace (default: 3).", valueName: "count"))
    var spans: Int = 3
    @Option(help: ArgumentHelp("table (default), json or csv.", valueName: "format"))
    var output: QueryOutput = .table
    @OptionGroup var target: ServerOptions

    mutating func run() async throws {
        try await target.ask { client in
            let isMetric = try self.isMetric()
            let path = try path(
                Timestamp(nanoseconds: SystemClock().wallNanoseconds), isMetric: isMetric)
            let answer = try await client.get(path)
            guard isMetric, output != .json else {
                return try TraceQueryPrinter(output: output).print(answer)
            }
            let content = try JSONDecoder().decode(TraceMetricAnswer.self, from: Data(answer))
            MetricQueryPrinter(output: output, terminal: Terminal.current)
                .print(content.asMetrics)
        }
    }

    private func isMetric() throws(ConfigurationError) -> Bool {
        do throws(QueryError) {
            if case .metrics = try TraceQLEngine.parse(expression).body { return true }
            return false
        } catch {
            throw ConfigurationError(description: error.message)
        }
    }

    private func path(_ now: Timestamp, isMetric: Bool) throws(ConfigurationError) -> String {
        let last = try TimeArgument.parse(to, flag: "--to", now: now) ?? now
        let first =
            try TimeArgument.parse(from, flag: "--from", now: now)
            ?? last.advanced(byNanoseconds: -TimeArgument.hourNanoseconds)
        guard first < last else {
            throw ConfigurationError(description: "--from is not before --to")
        }
        guard limit > 0, spans > 0 else {
            throw ConfigurationError(description: "--limit and --spans are above zero")
        }
        var items = [
            ("q", expression), ("start", String(first.nanoseconds)),
            ("end", String(last.nanoseconds)),
        ]
        guard isMetric else {
            guard step == nil else {
                throw ConfigurationError(description: "--step needs a query of numbers")
            }
            items += [("limit", String(limit)), ("spss", String(spans))]
            return "/tempo/api/search?" + QueryClient.encoded(items)
        }
        guard let step else { return "/tempo/api/metrics/query?" + QueryClient.encoded(items) }
        items.append(("step", step))
        return "/tempo/api/metrics/query_range?" + QueryClient.encoded(items)
    }
}
