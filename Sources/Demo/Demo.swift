import Foundation
import Glibc
import NIOHTTP1
import Synchronization

/// The running demo: the server, the shop with its proxies and functions, the load and the webhook.
package final class Demo: Sendable {
    package let topology: DemoTopology
    package let client = DemoClient()
    package let webhook: DemoWebhook
    package let load: DemoLoad
    package let fleet = DemoFleet()
    /// Everything that the demo writes.
    private let folder: String
    private let program: String
    private let ports: PortReservation
    private let webhookPort = Mutex<Int?>(nil)
    private let ready = Mutex(false)
    /// Same numbers, same sequence of requests, slow answers and failures.
    private static let seed: UInt64 = 20_240_229
    private static let startLimit: Duration = .seconds(25)

    /// - Parameter folder: exists.
    package init(folder: String, webhook: DemoWebhook) throws(DemoFailure) {
        ports = try PortReservation(count: DemoTopology.portCount)
        topology = DemoTopology(ports: ports.ports)
        self.folder = folder
        self.webhook = webhook
        guard let outbound = topology.client.outbound else {
            preconditionFailure("BUG: the client calls nobody")
        }
        load = DemoLoad(client: client, port: outbound, seed: Demo.seed)
        do {
            program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        } catch {
            throw DemoFailure("cannot find this program in /proc: \(error.localizedDescription)")
        }
    }

    package var queries: DemoQueries {
        DemoQueries(client: client, server: topology.serverURL)
    }

    /// Whether everything has started.
    package var isReady: Bool { ready.withLock { $0 } }

    /// Starts everything but the load and returns when all of it is ready.
    /// - Parameter webhookPort: where the server sends notifications of alerts.
    /// - Returns: the server's process, and the Python that runs a Lambda handler if there is one.
    package func start(
        webhookPort: Int
    ) async throws -> (server: DemoProcess, python: String?) {
        self.webhookPort.withLock { $0 = webhookPort }
        try writeFiles()
        let server = try await startServer(name: "serve")
        let python = await findPython()
        var waiting: [DemoProcess] = []
        waiting.append(try await launch("services", servicesArguments))
        for workload in topology.proxied {
            waiting.append(
                try await launch(
                    "proxy-\(workload.id)",
                    [program, "proxy", "--config", "\(folder)/proxy-\(workload.id).yaml"]))
        }
        waiting.append(
            try await launch("run-receipt", function(topology.receipt, python: nil)))
        waiting.append(
            try await launch("run-discount", function(topology.discount, python: python)))
        for process in waiting { try await process.ready(within: Demo.startLimit) }
        ready.withLock { $0 = true }
        return (server, python)
    }

    /// Starts the server, or starts it again on the same data and port.
    package func startServer(name: String) async throws -> DemoProcess {
        let webhookPort = webhookPort.withLock { $0 ?? 0 }
        let server = try await launch(
            name,
            [
                program, "serve", "--data", "\(folder)/data",
                "--listen", "127.0.0.1:\(topology.server)",
                "--otlp-grpc", "off", "--otlp-http", "off", "--zipkin", "off",
                "--rules", "\(folder)/rules.yaml",
                "--webhook", "http://127.0.0.1:\(webhookPort)/alerts",
                "--evaluation-interval", "1s", "--span-metrics-interval", "1s",
                "--log-level", "warning",
            ])
        try await server.ready(within: Demo.startLimit)
        return server
    }

    /// Ends all children and closes connections.
    package func end() async {
        await fleet.endAll()
        await client.shutdown()
    }

    /// Asks the services for something, by the routes they have for it.
    package func control(_ path: String) async throws {
        let answer = try await client.send("\(topology.controlURL)\(path)", method: .POST)
        guard answer.status < 300 else {
            throw DemoFailure("the services answered \(answer.status) to \(path)")
        }
    }

    private func launch(_ name: String, _ arguments: [String]) async throws -> DemoProcess {
        try await fleet.start(
            DemoProcess.Command(
                name: name, arguments: arguments, log: "\(folder)/logs/\(name).log"))
    }

    private var servicesArguments: [String] {
        var arguments = [
            program, "demo-services", "--control", String(topology.control),
            "--seed", String(Demo.seed),
        ]
        for workload in topology.workloads {
            guard let app = workload.app else { continue }
            arguments += ["--service", "\(workload.id):\(app):\(workload.outbound ?? 0)"]
        }
        return arguments
    }

    private func function(_ function: DemoTopology.Function, python: String?) -> [String] {
        let host = [
            program, "run", "--name", function.name, "--listen", "127.0.0.1:\(function.port)",
            "--otlp", topology.serverURL, "--metrics-interval", "1s",
        ]
        guard let python else {
            return host + ["--mode", "http", "--", program, "demo-function", function.name]
        }
        return host + [
            "--mode", "lambda", "--handler", "app.handler", "--task-root", "\(folder)/function",
            "--init-timeout", "35s", "--timeout", "38s", "--", python, "-m", "awslambdaric",
            "app.handler",
        ]
    }

    private func writeFiles() throws(DemoFailure) {
        let files = DemoFiles(topology: topology)
        do {
            for name in ["logs", "function"] {
                try FileManager.default.createDirectory(
                    atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
            }
            for workload in topology.proxied {
                try write(files.proxy(workload), "proxy-\(workload.id).yaml")
            }
            try write(DemoFiles.rules, "rules.yaml")
            try write(DemoFiles.handler, "function/app.py")
        } catch {
            throw DemoFailure("cannot write to \(folder): \(error.localizedDescription)")
        }
    }

    private func write(_ text: String, _ name: String) throws {
        try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }

    /// A Python that has the Lambda runtime client, if there is one.
    private func findPython() async -> String? {
        let named = ProcessInfo.processInfo.environment["SIDELIGHT_PYTHON"] ?? ""
        for candidate in [named, "python3"] where !candidate.isEmpty {
            let probe: DemoProcess
            do {
                probe = try await DemoProcess.start(
                    DemoProcess.Command(
                        name: "python-probe", arguments: [candidate, "-c", "import awslambdaric"],
                        log: "\(folder)/logs/python-probe.log"))
            } catch {
                // There is no such program: one Python less to choose from.
                continue
            }
            await probe.ended(within: .seconds(10))
            if probe.status == 0 { return candidate }
        }
        return nil
    }
}
