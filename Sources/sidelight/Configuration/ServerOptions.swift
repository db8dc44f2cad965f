import ArgumentParser

/// Which running server a command asks.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Running server (default: http://127.0.0.1:7070).", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("File with the server's bearer token.", valueName: "file"))
    var tokenFile: String?

    /// Runs what asks the server; failures end the program by the exit codes of the command line's contract.
    func ask<Answer>(_ question: (QueryClient) async throws -> Answer) async throws -> Answer {
        do {
            let address = try ServerAddress(server: server, tokenFile: tokenFile)
            return try await question(QueryClient(address: address))
        } catch let error as ConfigurationError {
            try Failure.exit(.usage, error.description)
        } catch let error as QueryClient.Failure {
            try Failure.exit(error.isUsage ? .usage : .unreachable, error.description)
        }
    }

    /// What a route of the server answers.
    func get(_ path: String) async throws -> [UInt8] {
        try await ask { try await $0.get(path) }
    }
}
