import Foundation
import HTTPServer

/// Prints lines as they arrive until Ctrl-C. A server that goes away is waited for: it says so on standard
/// error, and goes on behind the last line once the server is back.
struct LogFollow {
    let address: ServerAddress
    let output: QueryOutput
    /// The route, for lines from a time on (nanoseconds) or for what the user asked for.
    let path: @Sendable (_ start: Int64?) -> String

    private static let retryInterval = Duration.seconds(1)

    /// How far it has come.
    private struct Progress {
        /// Of the last line.
        var lastTime: Int64?
        var hasOpened = false
        var isLost = false
    }

    func run() async throws {
        guard let url = URLComponents(string: address.url), url.scheme == "http",
            let host = url.host
        else {
            throw ConfigurationError(
                description: "--follow speaks to http:// only, not to \(address.url)")
        }
        let client = WebSocketClient(host: host, port: url.port ?? 80)
        var progress = Progress()
        while true {
            do {
                return try await read(client, prefix: url.path, &progress)
            } catch let failure as WebSocketClient.Failure {
                try wait(after: failure, &progress)
            }
            try await Task.sleep(for: Self.retryInterval)
        }
    }

    private func read(
        _ client: WebSocketClient, prefix: String, _ progress: inout Progress
    ) async throws {
        var headers = address.token.map { [(name: "authorization", value: "Bearer \($0)")] } ?? []
        if output != .json { headers.append(LokiHeader.shortLabels) }
        let printer = LogQueryPrinter(output: output)
        let next = progress.lastTime.map { $0 &+ 1 }
        var state = progress
        defer { progress = state }
        try await client.read(
            prefix + path(next), headers: headers,
            opened: {
                if state.isLost { Self.say("\(address.url) is back; following on") }
                (state.hasOpened, state.isLost) = (true, false)
            }
        ) { message in
            let content = try JSONDecoder().decode(LogTailMessage.self, from: Data(message))
            for stream in content.streams {
                for entry in stream.values {
                    state.lastTime = max(state.lastTime ?? entry.time, entry.time)
                }
            }
            show(message, content, printer)
            return true
        }
    }

    /// Says once that the server is gone.
    /// - Throws: if it has never been there, or does not want the question.
    private func wait(
        after failure: WebSocketClient.Failure, _ progress: inout Progress
    ) throws(QueryClient.Failure) {
        if case .refused(let status, let body) = failure, !progress.hasOpened || status < 500 {
            throw .refused(status: status, body: body)
        }
        guard progress.hasOpened else { throw .unreachable("\(address.url): \(failure)") }
        guard !progress.isLost else { return }
        progress.isLost = true
        Self.say("\(address.url): \(failure); trying again until it is back")
    }

    private static func say(_ text: String) {
        FileHandle.standardError.write(Data("sidelight: \(text)\n".utf8))
    }

    private func show(
        _ message: [UInt8], _ content: LogTailMessage, _ printer: LogQueryPrinter
    ) {
        guard output != .json else {
            return LogQueryPrinter.write(message + [UInt8(ascii: "\n")])
        }
        printer.printLines(content.streams)
        guard let missed = content.missed, let first = missed.first else { return }
        Self.say(
            "lines came too fast, \(missed.count) or more were missed (first: "
                + "\(first.timestamp) of \(first.labels))")
    }
}
