import ArgumentParser
import Foundation
import FunctionWrapper
import Glibc

/// `sidelight run`: hosts a function and traces its invocations.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Host a function and trace its invocations.",
        discussion: """
            lambda: the command is a Lambda runtime (such as python3 -m awslambdaric app.handler); HTTP \
            requests to --listen become API Gateway events. http: the command is an HTTP server that \
            listens on the port in PORT.

            One line "ready http://HOST:PORT" goes to standard error when the port is open. SIGTERM and \
            Ctrl-C finish the running invocation, send all telemetry and exit.
            """)

    @Option(help: ArgumentHelp("Name of the function.", valueName: "name"))
    var name: String
    @Option(help: ArgumentHelp("lambda or http.", valueName: "mode"))
    var mode: String = "lambda"
    @Option(
        help: ArgumentHelp(
            "Where requests arrive.", valueName: "host:port"))
    var listen: String = "127.0.0.1:8080"
    @Option(help: ArgumentHelp("Base URL of an OTLP/HTTP receiver.", valueName: "url"))
    var otlp: String?
    @Option(help: ArgumentHelp("Handler that the runtime is told.", valueName: "name"))
    var handler: String?
    @Option(help: ArgumentHelp("Folder of the function's code.", valueName: "dir"))
    var taskRoot: String?
    @Option(help: ArgumentHelp("Longest invocation.", valueName: "duration"))
    var timeout: String = "30s"
    @Option(
        help: ArgumentHelp("Longest start of the function.", valueName: "duration"))
    var initTimeout: String = "10s"
    @Option(
        help: ArgumentHelp("0: start at the first request; 1: at once.", valueName: "0|1")
    )
    var minInstances: Int = 0
    @Option(help: ArgumentHelp("Memory the function is told it has, in MiB.", valueName: "MiB"))
    var memory: Int = 128
    @Option(
        help: ArgumentHelp("Interval of exported metrics.", valueName: "duration"))
    var metricsInterval: String = "10s"
    @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
    var command: [String] = []

    mutating func run() async throws {
        let configuration = try read()
        let signals = Signals([SIGTERM, SIGINT])
        let host: FunctionHost
        do {
            host = try await FunctionHost.start(configuration)
        } catch FunctionWrapperError.configuration(let reason) {
            try Failure.exit(.usage, reason)
        } catch {
            try Failure.exit(.unreachable, "\(error)")
        }
        let name = listen.split(separator: ":").dropLast().joined(separator: ":")
        let address = name.isEmpty ? "127.0.0.1" : name
        FileHandle.standardError.write(Data("ready http://\(address):\(host.port)\n".utf8))
        let stopping = Task {
            for await _ in signals.received {
                await host.stop()
                break
            }
        }
        await host.wait()
        stopping.cancel()
    }

    private func read() throws -> FunctionWrapperConfiguration {
        guard !command.isEmpty else {
            try Failure.exit(.usage, "give the command to run after --")
        }
        var configuration = FunctionWrapperConfiguration(name: name, command: command)
        switch mode {
        case "lambda": configuration.mode = .lambda
        case "http": configuration.mode = .http
        case "fork": configuration.mode = .fork
        default:
            try Failure.exit(.usage, "--mode is \"\(mode)\", expected lambda or http")
        }
        guard minInstances == 0 || minInstances == 1 else {
            try Failure.exit(.usage, "--min-instances is \(minInstances), expected 0 or 1")
        }
        guard (1...1_048_576).contains(memory) else {
            try Failure.exit(.usage, "--memory is \(memory), expected MiB from 1 to 1048576")
        }
        configuration.listen = listen
        configuration.otlp = otlp
        configuration.environment = ProcessInfo.processInfo.environment
        if let handler { configuration.handler = handler }
        if let taskRoot { configuration.taskRoot = taskRoot }
        configuration.timeout = try duration("timeout", timeout)
        configuration.initTimeout = try duration("init-timeout", initTimeout)
        configuration.metricsInterval = try duration("metrics-interval", metricsInterval)
        configuration.minInstances = minInstances
        configuration.memoryBytes = Int64(memory) << 20
        return configuration
    }

    private func duration(_ name: String, _ text: String) throws -> Duration {
        guard let nanoseconds = DurationText.nanoseconds(text), nanoseconds > 0 else {
            try Failure.exit(
                .usage, "--\(name) is \"\(text)\", expected a duration such as 30s or 500ms")
        }
        return .nanoseconds(nanoseconds)
    }
}
