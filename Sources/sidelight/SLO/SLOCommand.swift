import ArgumentParser
import Foundation
import PromQL
import Rules

/// `sidelight slo`: objectives as files.
struct SLOCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slo",
        abstract: "Check service level objectives, or make alert rules of them.",
        subcommands: [
            SLOValidateCommand.self, SLOGenerateCommand.self, SLOSuggestCommand.self,
        ])
}

/// What both commands read.
struct SLOOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Period of objectives that name none: 28d, 30d, or that of an AlertWindows document.",
            valueName: "duration"))
    var period = "30d"

    @Argument(help: ArgumentHelp("Specifications; several documents a file.", valueName: "files"))
    var files: [String] = []

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name the files to read") }
        _ = try milliseconds()
    }

    private func milliseconds() throws -> Int64 {
        do throws(PromQLDuration.Failure) {
            return try PromQLDuration.parse(period)
        } catch {
            throw ValidationError("--period must be a duration such as 30d, not \"\(period)\"")
        }
    }

    /// The objectives; ends the command if anything is wrong with any.
    func load() throws -> [ServiceLevelObjective] {
        let read = SLOFiles.load(files, period: try milliseconds())
        for mistake in read.mistakes { RuleReport.complain(mistake.description) }
        guard read.mistakes.isEmpty else {
            // A file that cannot be opened has no line and is another failure than one that is wrong.
            let isUnreadable = read.mistakes.contains { $0.reason.hasPrefix("cannot read") }
            throw ExitCode((isUnreadable ? ExitStatus.unreachable : .checkFailed).rawValue)
        }
        return read.objectives
    }
}

/// Lines of the commands that check rules and objectives.
enum RuleReport {
    static func complain(_ text: String) {
        FileHandle.standardError.write(Data("sidelight: \(text)\n".utf8))
    }

    static func say(_ text: String) {
        FileHandle.standardOutput.write(Data("\(text)\n".utf8))
    }
}

/// `sidelight slo validate`.
struct SLOValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check specifications of objectives.",
        discussion: """
            Reads Sloth's prometheus/v1 and PrometheusServiceLevel, OpenSLO v1 over Prometheus, and \
            Pyrra's ServiceLevelObjective. Every field is honoured or refused by name, file and line, \
            and so is an objective whose alerts could never fire.

            Exit codes: 0 all is well; 1 something is wrong; 2 usage; 3 a file cannot be read.
            """)

    @OptionGroup var options: SLOOptions

    func run() throws {
        let objectives = try options.load()
        for objective in objectives {
            let origin = objective.origin
            RuleReport.say(
                "\(origin.path):\(origin.line): \(objective.id): "
                    + "\(NumberFormat.decimal(objective.objectivePercent)) % over "
                    + PromQLDuration.format(milliseconds: objective.windows.period)
                    + ", \(objective.alertsText) (\(origin.specification))")
        }
        RuleReport.say("\(objectives.count) objectives are well")
    }
}

extension ServiceLevelObjective {
    fileprivate var alertsText: String {
        switch (page, ticket) {
        case (_?, _?): "page and ticket alerts"
        case (_?, nil): "page alert"
        case (nil, _?): "ticket alert"
        case (nil, nil): "no alerts"
        }
    }
}

/// `sidelight slo generate`.
struct SLOGenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Make Prometheus rules of objectives.",
        discussion: """
            Prints the rule file that Sloth would make of the same specification: error ratios recorded \
            per window, facts about the objective, and multi-window, multi-burn-rate alerts. Prometheus \
            and sidelight serve --rules both take it.

            OpenSLO's objectives have no alerts, as with Sloth. Pyrra's keep their windows and factors; \
            the two alerts of a severity become one, without a for. Kubernetes forms give plain rule \
            files, too.

            Exit codes: 0 done; 1 something is wrong with a specification; 2 usage; 3 a file cannot be \
            read or written.
            """)

    @Option(help: ArgumentHelp("File to write instead of standard output.", valueName: "file"))
    var out: String?
    @OptionGroup var options: SLOOptions

    func run() throws {
        let rules = SlothRules(version: "sidelight-\(ProgramVersion.current)")
        let objectives = try options.load()
        if let native = objectives.first(where: { !$0.sources.isEmpty }) {
            try Failure.exit(
                .checkFailed,
                "\(native.origin.path):\(native.origin.line): \(native.id) counts events of spans or "
                    + "log lines, which Prometheus does not have; sidelight serve --slos takes it")
        }
        if let fixed = objectives.first(where: { $0.calendar != nil }) {
            try Failure.exit(
                .checkFailed,
                "\(fixed.origin.path):\(fixed.origin.line): \(fixed.id) has a calendar window, and rules "
                    + "look back over a fixed time; sidelight serve --slos takes it")
        }
        let groups = objectives.flatMap { rules.groups(of: $0) }
        let text = RuleFileText(
            groups, comment: "Made by sidelight slo generate; do not edit."
        ).text
        do throws(RuleFileError) {
            _ = try RuleFile.parse(text, path: out ?? "the generated rules")
        } catch {
            // Labels and annotations of the specification that no rule may have.
            try Failure.exit(.checkFailed, error.description)
        }
        guard let out else { return FileHandle.standardOutput.write(Data(text.utf8)) }
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: out), options: .atomic)
        } catch {
            try Failure.exit(
                .unreachable, "cannot write --out \(out): \(error.localizedDescription)")
        }
    }
}
