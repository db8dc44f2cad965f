import ArgumentParser
import Foundation
import Rules

/// `sidelight rules`: rule files by themselves.
struct RulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Check, test and replay recording and alerting rules.",
        subcommands: [
            RulesCheckCommand.self, RulesTestCommand.self, RulesBacktestCommand.self,
        ])
}

/// `sidelight rules check`.
struct RulesCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check rule files.",
        discussion: """
            Reads rule files as serve --rules does, and looks for rules that cannot work: selectors that \
            match nothing and thresholds that no value passes. Rules that stand twice, comparisons of \
            which one side is dead and templates with labels that the expression does not have are \
            warnings. With --server, so are selectors that find no series there, and rules that read or \
            store very many.

            Exit codes: 0 all is well, or only warnings; 1 something is wrong; 2 usage; 3 a file cannot \
            be read, or the server not be asked.
            """)

    @Option(
        help: ArgumentHelp("Running server whose series are looked at, too.", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("File with the server's bearer token.", valueName: "file"))
    var tokenFile: String?
    @Argument(help: ArgumentHelp("Rule files.", valueName: "files"))
    var files: [String] = []

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name the rule files to check") }
    }

    func run() async throws {
        var lint = RuleLint()
        var status = ExitStatus.done
        var lines: [String] = []
        var read: [RuleFile] = []
        for path in files {
            do throws(RuleFileError) {
                let file = try RuleFile.load(path)
                lint.look(at: file)
                read.append(file)
                let count = file.groups.reduce(0) { $0 + $1.rules.count }
                lines.append("\(path): \(count) rules in \(file.groups.count) groups")
            } catch {
                RuleReport.complain(error.description)
                let isUnreadable = error.reason.hasPrefix("cannot read")
                if status == .done { status = isUnreadable ? .unreachable : .checkFailed }
            }
        }
        for finding in lint.findings {
            RuleReport.complain("\(finding.isFatal ? "" : "warning: ")\(finding)")
            if finding.isFatal, status == .done { status = .checkFailed }
        }
        if server != nil { try await ask(about: read) }
        for line in lines { RuleReport.say(line) }
        if status != .done { throw ExitCode(status.rawValue) }
    }

    /// What the server's series say of the rules.
    private func ask(about files: [RuleFile]) async throws {
        let recorded = files.flatMap(\.groups).flatMap(\.rules).compactMap { rule -> String? in
            guard case .recording(let recording) = rule else { return nil }
            return recording.name
        }
        do {
            let address = try ServerAddress(server: server, tokenFile: tokenFile)
            let check = RuleServerCheck(
                client: QueryClient(address: address), recorded: Set(recorded))
            for file in files {
                for doubt in try await check.doubts(about: file) {
                    RuleReport.complain("warning: \(doubt)")
                }
            }
        } catch let error as ConfigurationError {
            try Failure.exit(.usage, error.description)
        } catch let error as QueryClient.Failure {
            try Failure.exit(.unreachable, error.description)
        }
    }
}

/// `sidelight rules test`.
struct RulesTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Run unit tests of rules, in promtool's format.",
        discussion: """
            Each file names rule files, input series and what alerts and queries must yield at which \
            time, as with promtool test rules, whose output and exit codes this command has. Queries are \
            evaluated as Prometheus 3 does: ranges do not include their start.

            Exit codes: 0 all tests pass; 1 a test fails or a file is not well; 2 usage.
            """)

    @Argument(help: ArgumentHelp("Test files.", valueName: "files"))
    var files: [String] = []

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name the test files to run") }
    }

    func run() throws {
        var hasFailed = false
        for path in files {
            RuleReport.say("Unit Testing:  \(path)")
            let failures = failures(of: path)
            if failures.isEmpty {
                RuleReport.say("  SUCCESS")
            } else {
                hasFailed = true
                RuleReport.tell("  FAILED:")
                for failure in failures {
                    RuleReport.tell(failure)
                    RuleReport.say("")
                }
            }
            RuleReport.say("")
        }
        if hasFailed { throw ExitCode(ExitStatus.checkFailed.rawValue) }
    }

    private func failures(of path: String) -> [String] {
        do {
            let file = try RuleTestFile.load(path)
            for pattern in file.emptyPatterns {
                RuleReport.tell("  WARNING: no file match pattern \(pattern)")
            }
            return try RuleTestRun(file).failures()
        } catch let error as RulesRefused {
            return error.reasons
        } catch {
            return ["\(error)"]
        }
    }
}

extension RuleReport {
    /// A line on standard error as it is.
    static func tell(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
