import Glibc
import Logging
import Platform
import Telemetry

/// One instance of a function behind the Runtime API: starts the child when it is needed, gives it one
/// invocation at a time, and ends it when it takes too long. A child that failed is started again after a
/// growing wait.
actor LambdaFunction {
    /// What the runtime gets as its next invocation.
    struct Assignment: Sendable {
        var invocation: Invocation
        /// Milliseconds since 1970.
        var deadline: Int64
    }

    struct Waiting {
        var invocation: Invocation
        var accepted: Moment
        var answer: CheckedContinuation<InvocationReport, Never>
    }

    struct Running {
        var waiting: Waiting
        var started: Moment
        var isColdStart: Bool
        var cpuSecondsBefore: Double?
    }

    enum Phase {
        case initialising
        case idle(CheckedContinuation<Assignment?, Never>)
        case running(Running)
        /// Answered, but has not asked for more.
        case settling
        /// Was told to end.
        case ending
    }

    struct Instance {
        var number: Int
        /// `nil` while it is being started.
        var process: ChildProcess?
        var spawned: Moment
        /// The invocation that it was started for, whose trace gets the init span.
        var cause: Invocation?
        var initSpan: SpanRecord
        var phase: Phase
        var hasServed = false
        /// Ends the instance if its phase lasts too long.
        var deadline: Task<Void, Never>?
    }

    let configuration: FunctionWrapperConfiguration
    let telemetry: FunctionTelemetry
    let random: any RandomSource
    let logger: Logger
    /// `host:port` of the Runtime API; known when it listens.
    private var runtimeAddress = ""
    var queue: [Waiting] = []
    var instance: Instance?
    var instancesStarted = 0
    /// In a row.
    var failures = 0
    private var backOff: Task<Void, Never>?
    var isStopping = false
    private var whenQuiet: [CheckedContinuation<Void, Never>] = []

    init(
        configuration: FunctionWrapperConfiguration, telemetry: FunctionTelemetry,
        random: any RandomSource, logger: Logger
    ) {
        self.configuration = configuration
        self.telemetry = telemetry
        self.random = random
        self.logger = logger
    }

    var now: Moment { Moment(telemetry.clock) }

    func open(runtimeAddress: String) {
        self.runtimeAddress = runtimeAddress
        pump()
    }

    /// Runs an invocation when its turn comes.
    func invoke(_ invocation: Invocation) async -> InvocationReport {
        if isStopping { return InvocationReport(outcome: .stopping) }
        let isOccupied: Bool
        switch instance?.phase {
        case nil, .initialising, .idle: isOccupied = false
        case .running, .settling, .ending: isOccupied = true
        }
        // The one that comes next does not wait for another.
        guard queue.count - (isOccupied ? 0 : 1) < configuration.queueMax else {
            return InvocationReport(outcome: .queueFull(max: configuration.queueMax))
        }
        return await withCheckedContinuation { answer in
            queue.append(Waiting(invocation: invocation, accepted: now, answer: answer))
            pump()
        }
    }

    /// Does what can be done now.
    func pump() {
        guard !isStopping else { return }
        guard let current = instance else {
            let isWanted = !queue.isEmpty || configuration.minInstances > 0
            if isWanted, backOff == nil, !runtimeAddress.isEmpty { startInstance() }
            return
        }
        if case .idle(let next) = current.phase, !queue.isEmpty {
            assign(queue.removeFirst(), to: next)
        }
    }

    private func assign(_ waiting: Waiting, to next: CheckedContinuation<Assignment?, Never>) {
        guard var current = instance else { return }
        let started = now
        recordQueueSpan(waiting, instance: current, until: started)
        let trace = waiting.invocation.trace
        current.process?.output.setContext(
            LogContext(
                traceID: trace.traceID, spanID: trace.handlerSpan, flags: trace.flags,
                invocationID: waiting.invocation.id))
        current.phase = .running(
            Running(
                waiting: waiting, started: started,
                isColdStart: !current.hasServed && current.cause != nil,
                cpuSecondsBefore: current.process?.usage()?.cpuSeconds))
        current.hasServed = true
        instance = current
        setDeadline(configuration.timeout)
        let limit = configuration.timeout.components
        next.resume(
            returning: Assignment(
                invocation: waiting.invocation,
                deadline: started.wall.milliseconds + limit.seconds * 1_000
                    + limit.attoseconds / 1_000_000_000_000_000))
    }

    // MARK: Starting and ending instances

    private func startInstance() {
        let spawned = now
        let cause = queue.first?.invocation
        instancesStarted += 1
        let number = instancesStarted
        let span = initSpan(cause: cause?.trace, start: spawned)
        instance = Instance(
            number: number, spawned: spawned, cause: cause, initSpan: span,
            phase: .initialising)
        setDeadline(configuration.initTimeout)
        let context = LogContext(
            traceID: span.traceID, spanID: span.spanID, flags: TraceParent.sampled,
            invocationID: cause?.id)
        let command = ChildProcess.Command(
            arguments: configuration.command,
            environment: LambdaEnvironment.make(
                configuration, runtimeAddress: runtimeAddress, instance: number),
            folder: configuration.taskRoot)
        let telemetry = telemetry
        Task {
            do throws(FunctionWrapperError) {
                let process = try await ChildProcess.spawn(
                    command, sink: { telemetry.record($0) }, context: context,
                    ended: { status in Task { await self.ended(number, status) } })
                started(number, process)
            } catch {
                couldNotStart(number, error)
            }
        }
    }

    private func started(_ number: Int, _ process: ChildProcess) {
        guard instance?.number == number else { return process.signal(SIGKILL) }
        instance?.process = process
        if case .ending = instance?.phase { terminate(process) }
    }

    private func couldNotStart(_ number: Int, _ error: FunctionWrapperError) {
        guard instance?.number == number else { return }
        logger.error("\(error)")
        failInit(.crashed(reason: "\(error)"), errorType: "spawn")
        forgetInstance()
    }

    /// The child has ended, by itself or because it was told to.
    private func ended(_ number: Int, _ status: Int32) {
        guard let current = instance, current.number == number else { return }
        let reason = Self.describe(status)
        switch current.phase {
        case .initialising:
            logger.warning("\(configuration.name) ended before it was ready: \(reason)")
            failInit(.crashed(reason: "ended before it was ready: \(reason)"), errorType: "exit")
        case .idle(let next):
            logger.warning("\(configuration.name) ended between invocations: \(reason)")
            failures += 1
            next.resume(returning: nil)
        case .running(let running):
            logger.warning("\(configuration.name) ended during an invocation: \(reason)")
            failures += 1
            finish(running, .crashed(reason: "ended during the invocation: \(reason)"))
        case .settling:
            failures += 1
        case .ending: break
        }
        forgetInstance()
    }

    private static func describe(_ status: Int32) -> String {
        status > 128 ? "signal \(status - 128)" : "exit status \(status)"
    }

    private func forgetInstance() {
        instance?.deadline?.cancel()
        instance = nil
        for waiter in whenQuiet { waiter.resume() }
        whenQuiet = []
        guard failures > 0, !isStopping else { return pump() }
        // 100 ms, doubling up to 10 s, with half of it random: a child that dies at once must not take
        // the machine, and several must not start in step.
        let longest = min(100 * (1 << min(failures - 1, 7)), 10_000)
        let wait = Duration.milliseconds(longest) * (0.5 + random.unit() / 2)
        backOff = Task {
            do {
                try await Task.sleep(for: wait)
            } catch {
                return
            }
            backOff = nil
            pump()
        }
    }

    /// SIGTERM, and SIGKILL after the grace.
    func endInstance() {
        instance?.deadline?.cancel()
        if case .idle(let next) = instance?.phase { next.resume(returning: nil) }
        instance?.phase = .ending
        if let process = instance?.process { terminate(process) }
    }

    private func terminate(_ process: ChildProcess) {
        process.signal(SIGTERM)
        let grace = configuration.killGrace
        Task {
            do {
                try await Task.sleep(for: grace)
            } catch {
                // Cancelled: then at once.
                return process.signal(SIGKILL)
            }
            process.signal(SIGKILL)
        }
    }

    // MARK: Deadlines

    func setDeadline(_ limit: Duration) {
        instance?.deadline?.cancel()
        guard let number = instance?.number else { return }
        instance?.deadline = Task {
            do {
                try await Task.sleep(for: limit)
            } catch {
                return
            }
            if !Task.isCancelled { expire(number) }
        }
    }

    private func expire(_ number: Int) {
        guard let current = instance, current.number == number else { return }
        switch current.phase {
        case .initialising:
            failInit(
                .timedOut(after: configuration.initTimeout, phase: .initialising),
                errorType: "timeout")
        case .running(let running):
            finish(running, .timedOut(after: configuration.timeout, phase: .handling))
        case .idle, .settling, .ending: return
        }
        endInstance()
    }

    // MARK: Stopping

    /// Refuses what waits, lets what runs finish within `limit`, and ends the child.
    func stop(within limit: Duration) async {
        isStopping = true
        backOff?.cancel()
        for waiting in queue { waiting.answer.resume(returning: .init(outcome: .stopping)) }
        queue = []
        guard instance != nil else { return }
        if case .running = instance?.phase {
            let patience = limit - configuration.killGrace
            Task {
                do {
                    try await Task.sleep(for: max(patience, .zero))
                } catch {
                    return
                }
                giveUp()
            }
        } else {
            endInstance()
        }
        await withCheckedContinuation { whenQuiet.append($0) }
    }

    private func giveUp() {
        if case .running(let running) = instance?.phase { finish(running, .stopping) }
        if instance != nil { endInstance() }
    }
}
