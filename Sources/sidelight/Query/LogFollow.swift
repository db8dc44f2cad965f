import Foundation
import HTTPServer

/// Prints lines as they arrive until Ctrl-C.
struct LogFollow {
    let address: ServerAddress
    let output: QueryOutput
    let path: String

    func run() async throws {
        guard let url = URLComponents(string: address.url), url.scheme == "http",
            let host = url.host
        else {
            throw ConfigurationError(
                description: "--follow speaks to http:// only, not to \(address.url)")
        }
        let client = WebSocketClient(host: host, port: url.port ?? 80)
        var headers = address.token.map { [(name: "authorization", value: "Bearer \($0)")] } ?? []
        if output != .json { headers.append(LokiHeader.shortLabels) }
        let printer = LogQueryPrinter(output: output)
        do {
            try await client.read(url.path + path, headers: headers) { message in
                try show(message, printer)
                return true
            }
        } catch let WebSocketClient.Failure.refused(status, body) {
            throw QueryClient.Failure.refused(status: status, body: body)
        } catch let error as WebSocketClient.Failure {
            throw QueryClient.Failure.unreachable("\(address.url): \(error)")
        }
    }

    private func show(_ message: [UInt8], _ printer: LogQueryPrinter) throws {
        guard output != .json else {
            return LogQueryPrinter.write(message + [UInt8(ascii: "\n")])
        }
        let content = try JSONDecoder().decode(LogTailMessage.self, from: Data(message))
        printer.printLines(content.streams)
        guard let missed = content.missed, let first = missed.first else { return }
        let text =
            "sidelight: lines came too fast, \(missed.count) or more were missed (first: "
            + "\(first.timestamp) of \(first.labels))\n"
        FileHandle.standardError.write(Data(text.utf8))
    }
}
