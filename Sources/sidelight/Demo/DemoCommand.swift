import ArgumentParser
import Demo
import Foundation
import Glibc
import HTTPServer

/// `sidelight demo`: the whole loop on this machine.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run the whole loop on this machine.",
        discussion: """
            Starts a server, a small shop with a proxy before each service, two functions, and traffic; \
            prints the address of the UI and what to look at. Ctrl-C stops everything and leaves \
            nothing behind, unless --data says where to keep it.

            --check runs it without a screen, asserts by the public APIs that traces, counters, log \
            lines, cold starts and alerts are right and that all of it outlives kill -9 of the server, \
            prints a table and exits with 0 or 1. --check --repeat-kill 20 kills the server 20 times in \
            a row, from the second time on in the middle of traffic.
            """)

    @Flag(help: "Check the loop by the public APIs, print what was seen and exit with 0 or 1.")
    var check = false
    @Option(
        help: ArgumentHelp(
            "With --check: how often the server is killed (default: 1).", valueName: "times"))
    var repeatKill: Int?
    @Option(
        help: ArgumentHelp(
            "Keep data and logs in this folder: an empty one, or that of an earlier demo.",
            valueName: "dir"))
    var data: String?

    private enum Outcome: Sendable {
        case done
        case interrupted
        case failed(String, ExitStatus)
    }

    /// With the time to end everything it stays below 90 s.
    private static let checkLimit: Duration = .seconds(78)
    /// More for each further kill.
    private static let killLimit: Duration = .seconds(20)
    private static let watchInterval: Duration = .milliseconds(200)

    mutating func run() async throws {
        if let repeatKill, !check || !(1...1_000).contains(repeatKill) {
            try Failure.exit(.usage, "--repeat-kill is for --check and takes 1 to 1000")
        }
        let signals = Signals([SIGTERM, SIGINT, SIGHUP])
        signal(SIGPIPE, SIG_IGN)
        let folder: DemoFolder
        do {
            folder = try DemoFolder(data)
        } catch {
            try Failure.exit(.unreachable, error.description)
        }
        guard !check || !folder.hasData else {
            try Failure.exit(
                .usage, "--data \(folder.path) holds an earlier demo: --check needs a new folder")
        }
        let isCheck = check
        let demo: Demo
        do {
            demo = try Demo(
                folder: folder.path,
                webhook: DemoWebhook { notice in
                    if !isCheck { DemoScreen.event("webhook: \(notice.alert) is \(notice.status)") }
                })
        } catch {
            DemoScreen.warn(folder.remove())
            try Failure.exit(.unreachable, error.description)
        }
        let findings = DemoFindings()
        let outcome = await play(demo, findings, until: signals)
        await demo.end()
        DemoScreen.warn(folder.remove())
        try Self.report(outcome, isCheck ? findings : nil)
    }

    /// Runs until it is done, something fails or a signal comes.
    private func play(
        _ demo: Demo, _ findings: DemoFindings, until signals: Signals
    ) async -> Outcome {
        let (isCheck, kills) = (check, repeatKill ?? 1)
        return await withTaskGroup(of: Outcome.self) { group in
            group.addTask {
                for await _ in signals.received { break }
                return .interrupted
            }
            group.addTask { await Self.watch(demo) }
            group.addTask {
                do {
                    try await Self.play(demo, isCheck ? (findings, kills) : nil)
                    return .done
                } catch is CancellationError {
                    return .interrupted
                } catch {
                    return .failed("\(error)", demo.isReady ? .checkFailed : .unreachable)
                }
            }
            if isCheck {
                let limit = Self.checkLimit + Self.killLimit * (kills - 1)
                group.addTask { await Self.end(after: limit) }
            }
            let first = await group.next() ?? .interrupted
            group.cancelAll()
            return first
        }
    }

    private static func play(
        _ demo: Demo, _ check: (findings: DemoFindings, kills: Int)?
    ) async throws {
        let listener = try await demo.webhook.open()
        do {
            let started = try await demo.start(webhookPort: listener.address.port)
            if let python = started.python {
                DemoScreen.say("function discount: a Lambda handler on awslambdaric of \(python)")
            } else {
                DemoScreen.say(
                    "function discount: an HTTP function, as no Python here has awslambdaric "
                        + "(SIDELIGHT_PYTHON names one; scripts/demo prepares one)")
            }
            if let check {
                try await DemoChecks(
                    demo: demo, findings: check.findings, kills: check.kills,
                    progress: DemoScreen.event
                ).run(server: started.server)
            } else {
                try await DemoScreen.show(demo)
            }
        } catch {
            await listener.shutdown(within: .seconds(1))
            throw error
        }
        await listener.shutdown(within: .seconds(1))
    }

    /// Returns when a child has ended by itself.
    private static func watch(_ demo: Demo) async -> Outcome {
        while true {
            if let process = await demo.fleet.failed {
                let status = process.status ?? 0
                let end = status > 128 ? "ended by signal \(status - 128)" : "ended with \(status)"
                return .failed(
                    process.failure(end),
                    demo.isReady ? .checkFailed : .unreachable)
            }
            do { try await Task.sleep(for: watchInterval) } catch { return .interrupted }
        }
    }

    private static func end(after limit: Duration) async -> Outcome {
        do { try await Task.sleep(for: limit) } catch { return .interrupted }
        return .failed("the check took longer than \(limit)", .checkFailed)
    }

    private static func report(_ outcome: Outcome, _ findings: DemoFindings?) throws {
        if let findings { DemoScreen.say("\n" + findings.table) }
        switch outcome {
        case .failed(let reason, let status): try Failure.exit(status, reason)
        case .interrupted:
            if findings != nil { try Failure.exit(.checkFailed, "the check was interrupted") }
            DemoScreen.say("stopped; nothing is left running")
        case .done:
            if let findings, !findings.isGood { throw ExitCode(ExitStatus.checkFailed.rawValue) }
        }
    }
}
