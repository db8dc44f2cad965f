import Platform
import Store
import Synchronization
import Telemetry

/// Evaluates the groups of rule files on their intervals: the rules of a group in order, groups side by
/// side on a few threads, never two evaluations of one group at once. Evaluations that come too late
/// are skipped and counted.
///
/// Threads only decide when; what an evaluation does is `RuleGroupEvaluator`.
package final class RuleEngine: Sendable {
    struct Slot: Sendable {
        var evaluator: RuleGroupEvaluator
        var schedule: EvaluationSchedule
        var isRunning = false
    }

    struct State: Sendable {
        /// In the order of the files.
        var slots: [Slot]
        var isReloading = false
        var isStopping = false
    }

    /// A group taken out to be evaluated.
    private struct Job {
        var evaluator: RuleGroupEvaluator
        var instant: Timestamp
        var missed: Int64
    }

    /// Longest sleep of a thread, in nanoseconds: after it a clock that was set back is noticed.
    private static let sleepMax: Int64 = 1_000_000_000

    let environment: RuleEnvironment
    let state: Mutex<State>
    /// Raised when an evaluation has ended.
    let evaluationEnded = WakeUp()
    private let wakeUps: [WakeUp]
    private let threads = Mutex<[WorkerThread]>([])

    /// Loads the files, makes rules of objectives and takes up the alerts of the catalog; evaluates
    /// nothing before `start`.
    /// - Throws: every mistake in every file, or that the catalog cannot be read.
    package init(
        files: [String], objectives: [ServiceLevelObjective] = [],
        in environment: RuleEnvironment
    ) throws(RulesRefused) {
        self.environment = environment
        wakeUps = (0..<max(1, environment.settings.threads)).map { _ in WakeUp() }
        let groups = try RuleEngine.load(files, objectives: objectives)
        let now = environment.now
        do throws(StoreError) {
            let slots = try RuleEngine.slots(groups, environment, now)
            try RuleEngine.endForgotten(except: groups.map(\.key), environment, now)
            state = Mutex(State(slots: slots))
        } catch {
            throw RulesRefused(reasons: ["cannot restore alerts: \(error)"])
        }
    }

    /// Begins to evaluate on threads of its own.
    package func start() {
        threads.withLock { threads in
            guard threads.isEmpty else { return }
            for (index, wakeUp) in wakeUps.enumerated() {
                let thread = WorkerThread(name: "rules-\(index)", capacity: 1)
                // Its queue is empty and it has just begun, so it takes the work.
                _ = thread.submit { [self] in work(wakeUp) }
                threads.append(thread)
            }
        }
    }

    /// Waits for running evaluations and ends the threads.
    package func stop() {
        state.withLock { $0.isStopping = true }
        wake()
        let ending = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in ending { thread.stop() }
    }

    /// How all groups stand, in the order of the files.
    package func snapshot() -> [RuleGroupStatus] {
        let evaluators = state.withLock { $0.slots.map(\.evaluator) }
        return evaluators.map(\.status)
    }

    /// Evaluates every group whose time has come, on the calling thread: what the threads do, for
    /// callers that decide themselves what time it is.
    /// - Returns: outcomes in the order of evaluation.
    @discardableResult
    package func evaluateDue(at now: Timestamp) -> [RuleGroupEvaluator.Outcome] {
        var outcomes: [RuleGroupEvaluator.Outcome] = []
        while let job = takeJob(at: now) { outcomes.append(run(job)) }
        return outcomes
    }

    func wake() {
        for wakeUp in wakeUps { wakeUp.signal() }
    }

    // MARK: Threads

    private func work(_ wakeUp: WakeUp) {
        while !state.withLock({ $0.isStopping }) {
            if let job = takeJob(at: environment.now) {
                run(job)
            } else {
                wakeUp.wait(nanoseconds: sleepTime(at: environment.now))
            }
        }
    }

    private func takeJob(at now: Timestamp) -> Job? {
        state.withLock { state in
            guard !state.isReloading, !state.isStopping else { return nil }
            let waiting = state.slots.indices.filter { !state.slots[$0].isRunning }
            for index in waiting.sorted(by: {
                state.slots[$0].schedule.next < state.slots[$1].schedule.next
            }) {
                guard let due = state.slots[index].schedule.take(at: now.milliseconds) else {
                    continue
                }
                state.slots[index].isRunning = true
                return Job(
                    evaluator: state.slots[index].evaluator,
                    instant: Timestamp(milliseconds: due.instant), missed: due.missed)
            }
            return nil
        }
    }

    @discardableResult
    private func run(_ job: Job) -> RuleGroupEvaluator.Outcome {
        var evaluator = job.evaluator
        let missed = UInt64(clamping: job.missed)
        let labels = RuleGroupTally(key: evaluator.group.key).labels
        environment.events.emit(PrometheusIteration(labels: labels, increment: missed &+ 1))
        if missed > 0 {
            environment.events.emit(
                RuleEvaluationsMissed(group: evaluator.group.key, count: missed))
            environment.events.emit(
                PrometheusIterationMissed(labels: labels, increment: missed))
        }
        let outcome = evaluator.evaluate(at: job.instant)
        let key = evaluator.group.key
        state.withLock { [evaluator] state in
            guard let index = state.slots.firstIndex(where: { $0.evaluator.group.key == key })
            else { return }
            state.slots[index].evaluator = evaluator
            state.slots[index].isRunning = false
        }
        evaluationEnded.signal()
        return outcome
    }

    private func sleepTime(at now: Timestamp) -> Int64 {
        let next = state.withLock { state in
            state.slots.filter { !$0.isRunning }.map(\.schedule.next).min()
        }
        guard let next else { return Self.sleepMax }
        let wait = Timestamp(milliseconds: next).nanoseconds(since: now)
        return min(max(wait, 1_000_000), Self.sleepMax)
    }
}

extension RuleEnvironment {
    var now: Timestamp { Timestamp(nanoseconds: clock.wallNanoseconds) }
}
