import ArgumentParser

/// The `sidelight` program.
@main
struct Sidelight: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sidelight",
        abstract: "Traces, metrics and access logs of a mesh and its functions, with alerts.",
        subcommands: [ServeCommand.self, ProxyCommand.self])
}
