import ArgumentParser

/// `sidelight query`: asks a running server.
struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Ask a running server.",
        subcommands: [
            MetricQueryCommand.self, TraceQueryCommand.self, LogQueryCommand.self,
        ])
}

/// How answers are printed.
enum QueryOutput: String, ExpressibleByArgument, CaseIterable {
    /// For people.
    case table
    /// As the server answers.
    case json
    case csv
}
