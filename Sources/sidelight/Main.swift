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
            DemoCommand.self, DemoServicesCommand.self, DemoFunctionCommand.self,
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
            // The parser's own code for a mistake in the flags is 64; scripts rely on ours.
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            FileHandle.standardError.write(Data((fullMessage(for: error) + "\n").utf8))
            exit(withError: ExitCode(ExitStatus.usage.rawValue))
        }
    }
}

/// The version that `--version` and the build information routes name.
enum ProgramVersion {
    static let current = "0.1.0"
}
