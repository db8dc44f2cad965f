import Glibc

/// All children of the demo.
package actor DemoFleet {
    private var processes: [DemoProcess] = []
    private var isEnding = false

    package init() {}

    /// `serve` flushes within 5 s, a function finishes its invocation.
    private static let grace: Duration = .seconds(6)

    package func start(_ command: DemoProcess.Command) async throws -> DemoProcess {
        let process = try await DemoProcess.start(command)
        processes.append(process)
        if isEnding {
            process.end(SIGKILL)
            throw CancellationError()
        }
        return process
    }

    /// The first child that ended by itself.
    package var failed: DemoProcess? { processes.first(where: \.hasFailed) }

    /// Ends all: the server last, so that the others can send what they have.
    package func endAll() async {
        isEnding = true
        await DemoFleet.end(processes.filter { !$0.command.name.hasPrefix("serve") })
        await DemoFleet.end(processes.filter { $0.command.name.hasPrefix("serve") })
    }

    private static func end(_ processes: [DemoProcess]) async {
        for process in processes { process.end(SIGTERM) }
        await withTaskGroup(of: Void.self) { group in
            for process in processes {
                group.addTask { await process.ended(within: DemoFleet.grace) }
            }
        }
    }
}
