import ArgumentParser

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

/// The version that `--version` and the build information routes name.
enum ProgramVersion {
    static let current = "0.1.0"
}
