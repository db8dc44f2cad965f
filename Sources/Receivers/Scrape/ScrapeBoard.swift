import Synchronization
import Telemetry

/// How the targets are, for those who ask.
package final class ScrapeBoard: Sendable {
    /// One target.
    package struct Line: Sendable {
        package var target: ScrapeTarget
        /// `nil` before the first scrape.
        package var isUp: Bool?
        /// What is wrong, or what was left out; "" if nothing.
        package var problem = ""
        /// Milliseconds; 0 before the first scrape.
        package var lastScrape: Int64 = 0
        package var seconds = 0.0
    }

    private struct State {
        var lines: [SeriesID: Line] = [:]
        var pools: [String] = []
        /// Of discovery, by job.
        var problems: [String: [String]] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Sorted by job and address.
    package var lines: [Line] {
        state.withLock { Array($0.lines.values) }.sorted {
            ($0.target.job, $0.target.url) < ($1.target.job, $1.target.url)
        }
    }

    package var pools: [String] { state.withLock { $0.pools } }

    /// What discovery complained about last, by job.
    package var problems: [String: [String]] { state.withLock { $0.problems } }

    func setPools(_ names: [String]) {
        state.withLock { state in
            state.pools = names
            state.problems = state.problems.filter { names.contains($0.key) }
        }
    }

    func setProblems(_ problems: [String], of job: String) {
        state.withLock { $0.problems[job] = problems.isEmpty ? nil : problems }
    }

    package func add(_ target: ScrapeTarget) {
        state.withLock { state in
            if state.lines[target.id] == nil { state.lines[target.id] = Line(target: target) }
        }
    }

    func remove(_ target: ScrapeTarget) { state.withLock { $0.lines[target.id] = nil } }

    func note(
        _ target: ScrapeTarget, isUp: Bool, problem: String, time: Int64, _ seconds: Double
    ) {
        state.withLock { state in
            guard state.lines[target.id] != nil else { return }
            state.lines[target.id] = Line(
                target: target, isUp: isUp, problem: problem, lastScrape: time, seconds: seconds)
        }
    }
}
