import Demo
import Foundation
import Glibc
import Platform

/// What the demo tells people, and the life of the shop while they watch.
enum DemoScreen {
    /// How long the failing canary stays, and how long the shop is then without it.
    private static let phase: Duration = .seconds(90)
    /// How long the first slow answer, stocktake and alert may take.
    private static let sightsLimit: Duration = .seconds(40)

    /// Runs the shop until the task is cancelled.
    static func show(_ demo: Demo) async throws {
        let topology = demo.topology
        say(
            """

            A shop of \(topology.services.count) services behind \(topology.proxied.count) proxies, with \
            \(topology.functions.count) functions, sends traces, metrics and access logs to

              \(topology.serverURL)/

            Waiting for something worth a look: a slow answer, a stocktake, the alert …
            """)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await demo.load.run() }
            group.addTask { try await tellSights(DemoSights(demo: demo), demo) }
            group.addTask { try await alternate(demo) }
            try await group.waitForAll()
        }
    }

    private static func tellSights(_ sights: DemoSights, _ demo: Demo) async throws {
        let deadline = ContinuousClock.now.advanced(by: sightsLimit)
        var traces: [DemoSights.Sight] = []
        var isFiring = false
        while ContinuousClock.now < deadline {
            traces = try await sights.traces()
            isFiring = demo.webhook.has(DemoFiles.alert, "firing")
            if traces.count == DemoSights.tracesWanted, isFiring { break }
            try await Task.sleep(for: .seconds(1))
        }
        say(
            "\nWhat to look at\n\n" + DemoSights.table(traces + sights.pages)
                + "\nThe canary is rolled back after \(phase.components.seconds) s and released again "
                + "after as long.\nCtrl-C stops everything.\n")
    }

    /// Takes the failing canary back and releases it again, in turns.
    private static func alternate(_ demo: Demo) async throws {
        while true {
            try await Task.sleep(for: phase)
            try await demo.control("/rollback")
            event("payments v2 is rolled back")
            try await Task.sleep(for: phase)
            try await demo.control("/release")
            event("payments v2 is released again, and fails")
        }
    }

    static func say(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// A line with the time of day.
    static func event(_ text: String) {
        var now = time_t(SystemClock().wallNanoseconds / 1_000_000_000)
        var parts = tm()
        localtime_r(&now, &parts)
        func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
        say("\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))  \(text)")
    }

    static func warn(_ problem: String?) {
        if let problem { write("sidelight: \(problem)\n", to: STDERR_FILENO) }
    }

    /// The terminal may be gone: then there is nobody to tell.
    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}
