import ArgumentParser
import Demo
import Foundation
import Glibc
import HTTPServer

/// `sidelight demo-services`: the code of the demo's services. Started by `sidelight demo`.
struct DemoServicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo-services", abstract: "The services of the demo.", shouldDisplay: false)

    @Option(help: "ID:PORT:OUTBOUND-PORT of a service; repeated.")
    var service: [String] = []
    @Option(help: "Port of the control routes.")
    var control: Int
    @Option(help: "Seed of what is random.")
    var seed: UInt64

    mutating func run() async throws {
        let places = service.compactMap { DemoServices.Place($0) }
        guard places.count == service.count else {
            try Failure.exit(.usage, "--service must be ID:PORT:OUTBOUND-PORT")
        }
        let signals = Signals([SIGTERM, SIGINT])
        let services = DemoServices(seed: seed)
        var listeners: [HTTPListener] = []
        do {
            for place in places {
                listeners.append(
                    try await DemoListener.open(port: place.app, services.routes(place)))
            }
            listeners.append(
                try await DemoListener.open(port: control, services.controlRoutes()))
        } catch {
            try Failure.exit(.unreachable, error.description)
        }
        FileHandle.standardError.write(Data("ready\n".utf8))
        let job = Task {
            guard let worker = places.first(where: { $0.id == "worker" }) else { return }
            try await services.runBackgroundJob(outbound: worker.outbound)
        }
        for await _ in signals.received { break }
        job.cancel()
        for listener in listeners { await listener.shutdown(within: .seconds(1)) }
        await services.shutdown()
    }
}

/// `sidelight demo-function`: a function for `run --mode http`. Started by `sidelight demo`.
struct DemoFunctionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo-function", abstract: "A function of the demo.", shouldDisplay: false)

    @Argument(help: "What it is called.")
    var name: String

    mutating func run() async throws {
        guard let text = ProcessInfo.processInfo.environment["PORT"], let port = Int(text) else {
            try Failure.exit(.usage, "PORT is not set: start this under sidelight run --mode http")
        }
        let signals = Signals([SIGTERM, SIGINT])
        let name = self.name
        var router = Router()
        router.on(.get, "/") { _ in
            FileHandle.standardOutput.write(Data("\(name) written\n".utf8))
            return .text("\(name)\n")
        }
        let listener: HTTPListener
        do {
            listener = try await DemoListener.open(port: port, router)
        } catch {
            try Failure.exit(.unreachable, error.description)
        }
        for await _ in signals.received { break }
        await listener.shutdown(within: .seconds(1))
    }
}
