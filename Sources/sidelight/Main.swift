import ArgumentParser
import Foundation

/// The `sidelight` program.
@main
struct Sidelight: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sidelight",
        abstract: "Traces, metrics and access logs of a mesh and its functions, with alerts.",
        version: ProgramVersion.current,
        subcommands: [
            ServeCommand.self, ProxyCommand.self, RunCommand.self, ImportCommand.self,
            ExportCommand.self, QueryCommand.self, CheckCommand.self, RulesCommand.self,
            SLOCommand.self, SamplingCommand.self, AlertsCommand.self,
            DemoCommand.self, DemoServicesCommand.self,
            DemoFunctionCommand.self,
        ])
}

extension Sidelight {
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            if error is ExitCode || exitCode(for: error) == .success { exit(withError: error) }
            // The parser's own code for a mistake in the flags is 64, and that for what nobody foresaw
            // is our code for a failed check; scripts rely on ours.
            let isUsage = exitCode(for: error) == .validationFailure
            let text = isUsage ? fullMessage(for: error) : "sidelight: \(error)"
            FileHandle.standardError.write(Data((text + "\n").utf8))
            exit(withError: ExitCode((isUsage ? ExitStatus.usage : .unreachable).rawValue))
        }
    }
}

/// The version that `--version` and the build information routes name.
enum ProgramVersion {
    static let current = "0.1.0"
}
