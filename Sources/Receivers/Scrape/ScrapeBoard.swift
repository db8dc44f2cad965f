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
        /// Of the latest scrape that had any.
        package var metadata: [MetricMetadata] = []
    }

    /// What rules of a job dropped.
    package struct Dropped: Sendable {
        package var job: String
        /// As discovered.
        package var labels: [Labels] = []
        package var count = 0
    }

    /// Dropped targets that are remembered of each job; all are counted.
    private static let droppedMax = 1_000

    private struct State {
        var lines: [SeriesID: Line] = [:]
        var jobs: [ScrapeJob] = []
        var dropped: [String: Dropped] = [:]
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

    package var pools: [String] { state.withLock { $0.jobs.map(\.name) } }

    package func job(_ name: String) -> ScrapeJob? {
        state.withLock { $0.jobs.first { $0.name == name } }
    }

    /// By job.
    package var dropped: [Dropped] {
        state.withLock { Array($0.dropped.values) }.sorted { $0.job < $1.job }
    }

    /// What discovery complained about last, by job.
    package var problems: [String: [String]] { state.withLock { $0.problems } }

    package func setJobs(_ jobs: [ScrapeJob]) {
        let names = Set(jobs.map(\.name))
        state.withLock { state in
            state.jobs = jobs.sorted { $0.name < $1.name }
            state.problems = state.problems.filter { names.contains($0.key) }
            state.dropped = state.dropped.filter { names.contains($0.key) }
        }
    }

    package func setDropped(_ labels: [Labels], of job: String) {
        let dropped = Dropped(
            job: job, labels: Array(labels.prefix(Self.droppedMax)), count: labels.count)
        state.withLock { $0.dropped[job] = dropped }
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

    /// - Parameter metadata: empty leaves what is known.
    package func note(
        _ target: ScrapeTarget, isUp: Bool, problem: String, time: Int64, _ seconds: Double,
        metadata: [MetricMetadata] = []
    ) {
        state.withLock { state in
            guard let known = state.lines[target.id] else { return }
            var line = Line(
                target: target, isUp: isUp, problem: problem, lastScrape: time, seconds: seconds)
            // Equal ones are kept, so that each scrape's copies go at once.
            line.metadata =
                metadata.isEmpty || metadata == known.metadata ? known.metadata : metadata
            state.lines[target.id] = line
        }
    }
}
