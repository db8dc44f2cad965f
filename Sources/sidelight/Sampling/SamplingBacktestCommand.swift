import ArgumentParser
import Foundation
import Pipeline
import Platform
import SQLiteStore
import Store
import Telemetry

/// `sidelight sampling backtest`.
struct SamplingBacktestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backtest",
        abstract: "Show what policies would keep of stored traces.",
        discussion: """
            Judges the traces of a running server (--server) or of the data directory of a stopped one \
            (--data) by a file of policies, as serve --sampling-policies would, and changes nothing. \
            Bytes are those of OTLP; the room on disk shrinks about as much.

            Times are RFC 3339, seconds since 1970, now, or now-1d.

            Exit codes: 0 done; 1 the file of policies is wrong; 2 usage; 3 cannot reach or open \
            something.
            """)

    /// How the result is shown.
    enum Output: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    @Option(help: ArgumentHelp("File of policies.", valueName: "file"))
    var policies: String
    @Option(help: ArgumentHelp("Start of the first traces (default: now-1d).", valueName: "time"))
    var from = "now-1d"
    @Option(help: ArgumentHelp("Start of the last traces (default: now).", valueName: "time"))
    var to = "now"
    @Option(
        help: ArgumentHelp("Running server (default: http://127.0.0.1:7070).", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("Data directory of a stopped server.", valueName: "dir"))
    var data: String?
    @Option(help: ArgumentHelp("File with the server's bearer token.", valueName: "file"))
    var tokenFile: String?
    @Option(help: ArgumentHelp("table or json.", valueName: "form"))
    var output = Output.table

    func validate() throws {
        guard data == nil || server == nil else {
            throw ValidationError("--server and --data exclude each other")
        }
    }

    mutating func run() async throws {
        let request = try request()
        let answer: SamplingAnswer
        if let data {
            answer = try here(request, data)
        } else {
            answer = try await there(request)
        }
        switch output {
        case .json: FileHandle.standardOutput.write(Data(try answer.bytes + [0x0A]))
        case .table: for line in answer.lines { RuleReport.say(line) }
        }
    }

    /// The file, checked here, so that what is wrong is said without a server.
    private func request() throws -> SamplingRequest {
        let now = Timestamp(nanoseconds: SystemClock().wallNanoseconds)
        do throws(ConfigurationError) {
            _ = try TimeArgument.range(from: from, to: to, now: now)
        } catch {
            try Failure.exit(.usage, error.description)
        }
        let text: String
        do {
            text = try String(contentsOfFile: policies, encoding: .utf8)
        } catch {
            try Failure.exit(
                .unreachable, "cannot read \(policies): \(error.localizedDescription)")
        }
        do throws(SamplingFileError) {
            _ = try PolicyFile.parse(text, path: policies)
        } catch {
            try Failure.exit(.checkFailed, error.description)
        }
        return SamplingRequest(path: policies, text: text, from: from, to: to)
    }

    /// Over the store of a stopped server.
    private func here(_ request: SamplingRequest, _ data: String) throws -> SamplingAnswer {
        let clock = SystemClock()
        // Opening it would create it.
        guard FileManager.default.fileExists(atPath: "\(data)/tenants/default") else {
            try Failure.exit(.unreachable, "there is no data directory \(data)")
        }
        do {
            let store = try StoppedStore.open(data: data, clock: clock)
            let answer: SamplingAnswer
            do { answer = try SamplingAnswer.make(request, over: store, clock: clock) } catch {
                try store.close()
                throw error
            }
            try store.close()
            return answer
        } catch let error as StoreError {
            try Failure.exit(.unreachable, error.description)
        }
    }

    private func there(_ request: SamplingRequest) async throws -> SamplingAnswer {
        try await ServerQuestion(
            path: "sampling/backtest", server: server, tokenFile: tokenFile, bytesMax: 64 << 20
        ).ask(request)
    }
}
