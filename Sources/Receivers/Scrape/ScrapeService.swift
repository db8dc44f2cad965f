import Platform
import Synchronization
import Telemetry

/// Runs the scrape jobs: finds their targets out, and a loop for each of them.
package final class ScrapeService: Sendable {
    /// A job's targets with what their loops are at.
    private typealias States = [SeriesID: (target: ScrapeTarget, series: ScrapeSeries)]

    private struct Running {
        var task: Task<States, Never>
    }

    package let board = ScrapeBoard()
    private let ingest: Ingest
    private let fetcher: any ScrapeFetcher
    /// Ends by itself: a resolver that hangs must not hold up the server's end.
    private let pool = BlockingPool(name: "resolver", threads: 1, capacity: 64)
    private let jobs = Mutex<[String: Running]>([:])

    package init(ingest: Ingest, fetcher: any ScrapeFetcher) {
        self.ingest = ingest
        self.fetcher = fetcher
    }

    /// Begins to scrape.
    package func start(_ jobs: [ScrapeJob]) { start(jobs, after: [:]) }

    /// Goes on with other jobs. Targets that stay keep their place; series of those that do not, end.
    package func reload(_ jobs: [ScrapeJob]) async {
        var states = await cancelAll()
        start(jobs, after: states)
        for job in jobs { states[job.name] = nil }
        for (_, gone) in states { await end(gone) }
    }

    /// Stops scraping. Series do not end: the server may be back in a moment.
    package func stop() async {
        _ = await cancelAll()
        await fetcher.shutdown()
    }

    private func start(_ jobs: [ScrapeJob], after states: [String: States]) {
        board.setJobs(jobs)
        self.jobs.withLock { running in
            for job in jobs {
                let states = states[job.name] ?? [:]
                running[job.name] = Running(
                    task: Task.detached { [self] in await run(job, after: states) })
            }
        }
    }

    private func cancelAll() async -> [String: States] {
        let running = jobs.withLock { jobs in
            defer { jobs = [:] }
            return jobs
        }
        for job in running.values { job.task.cancel() }
        var states: [String: States] = [:]
        for (name, job) in running { states[name] = await job.task.value }
        return states
    }

    private func end(_ states: States) async {
        for (target, series) in states.values {
            board.remove(target)
            await loop(target, nil).end(series)
        }
    }

    private func loop(_ target: ScrapeTarget, _ job: ScrapeJob?) -> ScrapeLoop {
        ScrapeLoop(
            target: target,
            job: job
                ?? ScrapeJob(name: target.job, interval: target.interval, timeout: target.timeout),
            fetcher: fetcher, ingest: ingest, board: board)
    }

    /// Keeps the loops of a job in step with its targets, until cancelled.
    private func run(_ job: ScrapeJob, after previous: States) async -> States {
        var waiting = previous
        var loops: [SeriesID: (target: ScrapeTarget, task: Task<ScrapeSeries, Never>)] = [:]
        var discovery = TargetDiscovery(job: job, fetcher: fetcher, pool: pool)
        while !Task.isCancelled {
            await discovery.refresh(at: ingest.now.milliseconds)
            var problems = discovery.failures
            for reason in problems {
                ingest.events.emit(DiscoveryFailed(job: job.name, reason: reason))
            }
            var dropped: [Labels] = []
            let targets = ScrapeTarget.targets(
                of: discovery.groups, job: job, problems: &problems, dropped: &dropped)
            board.setDropped(dropped, of: job.name)
            board.setProblems(problems, of: job.name)
            for target in targets where loops[target.id] == nil {
                let state = waiting.removeValue(forKey: target.id)
                let series =
                    state.map { ScrapeSeries(target: target, job: job, after: $0.series) }
                    ?? ScrapeSeries(target: target, job: job)
                board.add(target)
                let loop = loop(target, job)
                loops[target.id] = (target, Task.detached { await loop.run(series) })
            }
            let wanted = Set(targets.map(\.id))
            var gone: States = [:]
            for (id, running) in loops where !wanted.contains(id) {
                loops[id] = nil
                running.task.cancel()
                gone[id] = (running.target, await running.task.value)
            }
            // After a failed refresh it is not known which of the former targets are gone.
            if discovery.failures.isEmpty {
                gone.merge(waiting) { running, _ in running }
                waiting = [:]
            }
            await end(gone)
            guard await pause(until: discovery.nextDue) else { break }
        }
        var states = waiting
        for running in loops.values { running.task.cancel() }
        for (id, running) in loops { states[id] = (running.target, await running.task.value) }
        return states
    }

    /// - Returns: false when cancelled.
    private func pause(until due: Int64?) async -> Bool {
        let wait = due.map { max(100, $0 - ingest.now.milliseconds) } ?? 86_400_000
        do {
            try await Task.sleep(for: .milliseconds(wait))
            return true
        } catch {
            return false
        }
    }
}
