import ArgumentParser

/// `sidelight alerts …`.
struct AlertsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts", abstract: "Who is told of alerts, and who was.",
        subcommands: [DryRunCommand.self, DeliveriesCommand.self])
}
