import ArgumentParser
import Foundation
import Glibc
import Logging
import Proxy

/// `sidelight proxy`: the tracing proxy before one service, or what a configuration file describes.
struct ProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy", abstract: "Proxy HTTP with traces, metrics and an access log.",
        discussion: """
            Either --config FILE, which describes listeners, routes and clusters, or one inbound \
            listener by --listen, --upstream and --service.

            When every listener is open, one line "ready http://HOST:PORT" with the first of them goes \
            to standard error, after a line for each other address. SIGTERM and Ctrl-C stop \
            accepting, finish requests, send all telemetry and exit.
            """)

    @Option(help: ArgumentHelp("YAML file with listeners, routes and clusters.", valueName: "file"))
    var config: String?
    @Option(help: ArgumentHelp("Where requests arrive.", valueName: "host:port"))
    var listen: String?
    @Option(help: ArgumentHelp("Where they go.", valueName: "host:port"))
    var upstream: String?
    @Option(help: ArgumentHelp("Name of the service behind the proxy.", valueName: "name"))
    var service: String?
    @Option(help: ArgumentHelp("Base URL of an OTLP/HTTP receiver.", valueName: "url"))
    var otlp: String?
    @Option(help: ArgumentHelp("File, - for standard output, or off (default).", valueName: "file"))
    var accessLog: String?
    @Option(help: ArgumentHelp("Address of the admin pages.", valueName: "host:port"))
    var admin: String?

    mutating func run() async throws {
        let configuration: ProxyConfiguration
        do {
            configuration = try read()
        } catch let error as Proxy.ConfigurationError {
            try Failure.exit(.usage, error.description)
        }
        let signals = Signals([SIGTERM, SIGINT])
        let server: ProxyServer
        do {
            server = try await ProxyServer.start(configuration)
        } catch {
            try Failure.exit(.unreachable, error.description)
        }
        FileHandle.standardError.write(Data(Self.announcement(server).utf8))
        for await _ in signals.received { break }
        await server.stop()
    }

    private static func announcement(_ server: ProxyServer) -> String {
        var lines = server.listeners.dropFirst().map { "\($0.name) on \($0.address)" }
        if let admin = server.admin { lines.append("admin on \(admin)") }
        lines.append("ready" + (server.listeners.first.map { " http://\($0.address)" } ?? ""))
        return lines.joined(separator: "\n") + "\n"
    }

    private func read() throws -> ProxyConfiguration {
        var configuration = try base()
        if let otlp { configuration.telemetry.otlp = otlp }
        if let admin { configuration.admin = try Address(admin) }
        switch accessLog {
        case nil: break
        case "off"?: configuration.telemetry.accessLog = .off
        case "-"?: configuration.telemetry.accessLog = .standardOutput
        case let path?: configuration.telemetry.accessLog = .file(path)
        }
        return configuration
    }

    private func base() throws -> ProxyConfiguration {
        if let config {
            guard listen == nil, upstream == nil, service == nil else {
                try Failure.exit(
                    .usage, "--config and --listen, --upstream, --service exclude each other")
            }
            let text: String
            do {
                text = try String(contentsOfFile: config, encoding: .utf8)
            } catch {
                try Failure.exit(
                    .usage, "cannot read --config \(config): \(error.localizedDescription)")
            }
            return try ProxyConfiguration(yaml: text, file: config)
        }
        guard let listen, let upstream, let service else {
            try Failure.exit(
                .usage, "give --config FILE, or --listen, --upstream and --service together")
        }
        return .single(
            listen: try Address(listen), upstream: try Address(upstream), service: service)
    }
}
