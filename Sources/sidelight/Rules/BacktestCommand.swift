import ArgumentParser
import Foundation
import Platform
import QueryCore
import Rules
import SQLiteStore
import Store
import Telemetry

/// `sidelight rules backtest`.
struct RulesBacktestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backtest",
        abstract: "Show which alerts would have fired over stored history.",
        discussion: """
            Replays rule files and objectives (Sloth, OpenSLO, Pyrra) over the metrics, logs and traces of a running server (--server) or of the data directory \
            of a stopped one (--data). Recording rules that alerts read are replayed first; their series \
            hide stored ones of the same names, so that rules that never ran have a history, too.

            Alerts of objectives are replayed with their statistics. Objectives that count spans or lines are \
            replayed over what a server that has them in --slos has counted.

            Groups are evaluated at multiples of their interval, without the shifts by which a server \
            spreads them. Rules that read series which they record themselves cannot be replayed.

            Times are RFC 3339, seconds since 1970, now, or now-30d.

            Exit codes: 0 done, whether alerts fired or not; 1 a rule file is wrong or a rule cannot be \
            replayed; 2 usage; 3 cannot reach or open something.
            """)

    /// How the result is shown.
    enum Output: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    @Option(help: ArgumentHelp("First evaluation.", valueName: "time"))
    var from: String
    @Option(help: ArgumentHelp("Last evaluation.", valueName: "time"))
    var to: String
    @Option(
        help: ArgumentHelp("Running server (default: http://127.0.0.1:7070).", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("Data directory of a stopped server.", valueName: "dir"))
    var data: String?
    @Option(help: ArgumentHelp("File with the server's bearer token.", valueName: "file"))
    var tokenFile: String?
    @Option(help: ArgumentHelp("table or json.", valueName: "form"))
    var output = Output.table
    @Argument(help: ArgumentHelp("Rule files.", valueName: "files"))
    var files: [String] = []

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name the rule files to replay") }
        guard data == nil || server == nil else {
            throw ValidationError("--server and --data exclude each other")
        }
    }

    mutating func run() async throws {
        let request = try request()
        let answer: BacktestAnswer
        if let data {
            answer = try here(request, data)
        } else {
            answer = try await there(request)
        }
        switch output {
        case .json:
            FileHandle.standardOutput.write(Data(try answer.bytes + [0x0A]))
        case .table:
            for line in BacktestTable(answer).lines { RuleReport.say(line) }
        }
        let failures = (answer.alerts + answer.failedRecordings).filter { $0.error != nil }
        for rule in failures {
            RuleReport.complain("\(rule.file):\(rule.line): \(rule.rule): \(rule.error ?? "")")
        }
        if !failures.isEmpty { throw ExitCode(ExitStatus.checkFailed.rawValue) }
    }

    /// The files, checked here, so that what is wrong is said without a server.
    private func request() throws -> BacktestRequest {
        var request = BacktestRequest(files: [], from: from, to: to)
        let now = Timestamp(nanoseconds: SystemClock().wallNanoseconds)
        do throws(ConfigurationError) {
            _ = try TimeArgument.range(from: from, to: to, now: now)
        } catch {
            try Failure.exit(.usage, error.description)
        }
        for path in files {
            let text: String
            do {
                text = try String(contentsOfFile: path, encoding: .utf8)
            } catch {
                try Failure.exit(
                    .unreachable, "cannot read \(path): \(error.localizedDescription)")
            }
            let file = BacktestRequest.File(path: path, text: text)
            do {
                _ = try file.groups()
            } catch {
                try Failure.exit(.checkFailed, "\(error)")
            }
            request.files.append(file)
        }
        return request
    }

    /// Over the store of a stopped server.
    private func here(_ request: BacktestRequest, _ data: String) throws -> BacktestAnswer {
        let clock = SystemClock()
        // Opening it would create it.
        guard FileManager.default.fileExists(atPath: "\(data)/tenants/default") else {
            try Failure.exit(.unreachable, "there is no data directory \(data)")
        }
        do {
            let store = try StoppedStore.open(data: data, clock: clock)
            defer { Self.close(store) }
            return try BacktestAnswer.make(
                request, over: store, sources: ReplaySources(logs: store, spans: store),
                settings: RuleSettings(), clock: clock)
        } catch let error as StoreError {
            try Failure.exit(.unreachable, error.description)
        } catch let error as InputError {
            try Failure.exit(.unreachable, error.description)
        } catch let error as QueryError {
            try Failure.exit(.checkFailed, error.message)
        }
    }

    private static func close(_ store: SQLiteTelemetryStore) {
        do {
            try store.close()
        } catch {
            RuleReport.complain("cannot close the data directory: \(error)")
        }
    }

    private func there(_ request: BacktestRequest) async throws -> BacktestAnswer {
        try await ServerQuestion(
            path: "rules/backtest", server: server, tokenFile: tokenFile, bytesMax: 256 << 20
        ).ask(request)
    }
}
