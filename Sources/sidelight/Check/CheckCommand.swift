import ArgumentParser
import Foundation
import Rules

/// `sidelight check`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check files of every kind that this program reads.",
        discussion: """
            Tells by its content what each file is: settings of serve, scrape jobs, a configuration of the \
            proxy or of notifications (Alertmanager's), rules, unit tests of rules, objectives (Sloth, \
            OpenSLO, Pyrra), or sampling policies. Every field is honoured or refused by name and line. \
            What rules check says of rules is said here, too. \
            Files of objectives are read together, because OpenSLO's refer to one another.

            Exit codes: 0 all is well, or only warnings; 1 something is wrong; 2 usage; 3 a file cannot \
            be read.
            """)

    @Argument(help: ArgumentHelp("Files.", valueName: "files"))
    var files: [String] = []

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name the files to check") }
    }

    func run() throws {
        var status = ExitStatus.done
        var lint = RuleLint()
        var objectives: [(path: String, text: String)] = []
        for path in files {
            let text: String
            do {
                text = try String(contentsOfFile: path, encoding: .utf8)
            } catch {
                RuleReport.complain("cannot read \(path): \(error.localizedDescription)")
                if status == .done { status = .unreachable }
                continue
            }
            do {
                let kind = try FileKind(of: text, path: path)
                if kind == .objectives {
                    objectives.append((path, text))
                } else {
                    let found = try kind.check(text, path, &lint)
                    RuleReport.say("\(path): \(found)")
                }
            } catch {
                RuleReport.complain("\(error)")
                if status == .done { status = .checkFailed }
            }
        }
        let read = SLOFiles.parse(objectives, period: 30 * 86_400_000)
        for mistake in read.mistakes { RuleReport.complain(mistake.description) }
        for finding in lint.findings {
            RuleReport.complain("\(finding.isFatal ? "" : "warning: ")\(finding)")
        }
        for (path, _) in objectives {
            let count = read.objectives.count { $0.origin.path == path }
            RuleReport.say("\(path): \(count) objectives")
        }
        let isWrong = !read.mistakes.isEmpty || lint.findings.contains(where: \.isFatal)
        if isWrong, status == .done { status = .checkFailed }
        if status != .done { throw ExitCode(status.rawValue) }
    }
}
