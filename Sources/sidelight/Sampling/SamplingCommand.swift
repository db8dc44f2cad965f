import ArgumentParser
import Foundation
import Pipeline

/// `sidelight sampling`: policies that say which traces stay.
struct SamplingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sampling", abstract: "Check sampling policies and try them on stored traces.",
        subcommands: [SamplingCheckCommand.self, SamplingBacktestCommand.self])
}

/// `sidelight sampling check`.
struct SamplingCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check files of sampling policies.",
        discussion: """
            Reads files as serve --sampling-policies does. Policies have the names and settings of the \
            OpenTelemetry collector's tail_sampling processor; those that are not carried out are refused \
            by name and line.

            Exit codes: 0 all is well; 1 something is wrong; 2 usage; 3 a file cannot be read.
            """)

    @Argument(help: ArgumentHelp("Files of policies.", valueName: "files"))
    var files: [String] = []

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name the files to check") }
    }

    func run() throws {
        var status = ExitStatus.done
        for path in files {
            do throws(SamplingFileError) {
                let policies = try PolicyFile.load(path)
                RuleReport.say("\(path): \(policies.summary)")
            } catch {
                RuleReport.complain(error.description)
                let isUnreadable = error.reason.hasPrefix("cannot read")
                if status == .done { status = isUnreadable ? .unreachable : .checkFailed }
            }
        }
        if status != .done { throw ExitCode(status.rawValue) }
    }
}

extension SamplingPolicies {
    var summary: String {
        let always =
            (keepsErrors ? ["errors"] : [])
            + (keepsSlowerThan.map { ["what took longer than \($0 / 1_000_000) ms"] } ?? [])
        let count = policies.count == 1 ? "1 policy" : "\(policies.count) policies"
        return "\(count) after \(after / 1_000_000_000) s"
            + (always.isEmpty ? "" : "; " + always.joined(separator: " and ") + " stay")
    }
}
