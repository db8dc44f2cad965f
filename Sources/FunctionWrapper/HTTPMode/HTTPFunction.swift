import Glibc
import Logging
import NIOCore
import NIOPosix
import Platform
import Telemetry

/// A command that serves HTTP: starts it when it is needed, knows when it is ready, and starts it again,
/// after a growing wait, when it failed.
actor HTTPFunction {
    /// Where requests go, and whether this one waited for the start.
    struct Ready: Sendable {
        var port: Int
        var isColdStart: Bool
    }

    private struct Instance {
        var number: Int
        var process: ChildProcess?
        var spawned: Moment
        var cause: InvocationTrace?
        var spanID: SpanID
        var port: Int
        var isReady = false
        var starting: Task<Void, Never>?
    }

    private let configuration: FunctionWrapperConfiguration
    private let telemetry: FunctionTelemetry
    private let random: any RandomSource
    private let logger: Logger
    private var instance: Instance?
    private var instancesStarted = 0
    private var failures = 0
    private var waiting: [CheckedContinuation<Result<Ready, InvocationFailure>, Never>] = []
    private var running = 0
    private var isStopping = false
    private var whenEnded: [CheckedContinuation<Void, Never>] = []
    private var whenIdle: [CheckedContinuation<Void, Never>] = []

    /// Why a request cannot be given to the command.
    struct InvocationFailure: Error {
        var outcome: InvocationReport.Outcome
    }

    init(
        configuration: FunctionWrapperConfiguration, telemetry: FunctionTelemetry,
        random: any RandomSource, logger: Logger
    ) {
        self.configuration = configuration
        self.telemetry = telemetry
        self.random = random
        self.logger = logger
    }

    func open() {
        if configuration.minInstances > 0, instance == nil { start(cause: nil) }
    }

    /// Waits until the command takes requests. Each success is to be followed by `leave`.
    func enter(_ trace: InvocationTrace) async throws(InvocationFailure) -> Ready {
        guard !isStopping else { throw InvocationFailure(outcome: .stopping) }
        guard running < configuration.concurrencyMax else {
            throw InvocationFailure(outcome: .queueFull(max: configuration.concurrencyMax))
        }
        running += 1
        if let instance, instance.isReady { return Ready(port: instance.port, isColdStart: false) }
        let result = await withCheckedContinuation { continuation in
            waiting.append(continuation)
            if instance == nil { start(cause: trace) }
        }
        do throws(InvocationFailure) {
            return try result.get()
        } catch {
            leave()
            throw error
        }
    }

    func leave() {
        running -= 1
        guard running == 0 else { return }
        for waiter in whenIdle { waiter.resume() }
        whenIdle = []
    }

    /// What the child uses now.
    func usage() -> ProcessUsage? { instance?.process?.usage() }

    // MARK: Starting

    private func start(cause: InvocationTrace?) {
        instancesStarted += 1
        let number = instancesStarted
        instance = Instance(
            number: number, spawned: Moment(telemetry.clock), cause: cause,
            spanID: SpanID(random.next() | 1), port: configuration.upstreamPort ?? 0)
        let wait = backOff()
        instance?.starting = Task {
            do {
                if wait > .zero { try await Task.sleep(for: wait) }
                try await launch(number)
                try await probe(number)
                ready(number)
            } catch let error as FunctionWrapperError {
                failed(number, .crashed(reason: "\(error)"))
                forget(number)
            } catch let error as InvocationFailure {
                failed(number, error.outcome)
            } catch {
                // Cancelled: the child has ended, and its end answers who waits.
                return
            }
        }
    }

    private func backOff() -> Duration {
        guard failures > 0 else { return .zero }
        let longest = min(100 * (1 << min(failures - 1, 7)), 10_000)
        return .milliseconds(longest) * (0.5 + random.unit() / 2)
    }

    private func launch(_ number: Int) async throws {
        guard var current = instance, current.number == number else { throw CancellationError() }
        if current.port == 0 {
            current.port = try await FreePort.find()
            guard instance?.number == number else { throw CancellationError() }
        }
        current.spawned = Moment(telemetry.clock)
        instance?.port = current.port
        instance?.spawned = current.spawned
        var environment = configuration.environment
        environment["PORT"] = String(current.port)
        let telemetry = telemetry
        let process = try await ChildProcess.spawn(
            ChildProcess.Command(
                arguments: configuration.command, environment: environment,
                folder: configuration.taskRoot),
            sink: { telemetry.record($0) },
            context: LogContext(
                traceID: current.cause?.traceID ?? .invalid,
                spanID: current.cause == nil ? .invalid : current.spanID,
                flags: current.cause?.flags ?? 0, invocationID: nil),
            ended: { status in Task { await self.ended(number, status) } })
        guard instance?.number == number, !isStopping else {
            process.signal(SIGKILL)
            instance?.process = process
            throw CancellationError()
        }
        instance?.process = process
    }

    /// Tries to connect until it works or `initTimeout` has passed.
    private func probe(_ number: Int) async throws {
        let end = ContinuousClock.now.advanced(by: configuration.initTimeout)
        while ContinuousClock.now < end {
            guard let current = instance, current.number == number else {
                throw CancellationError()
            }
            if await FreePort.accepts(current.port) { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw InvocationFailure(
            outcome: .timedOut(after: configuration.initTimeout, phase: .initialising))
    }

    private func ready(_ number: Int) {
        guard let current = instance, current.number == number else { return }
        instance?.isReady = true
        failures = 0
        recordInit(nil)
        // Requests run side by side: which of them a line belongs to cannot be told.
        current.process?.output.setContext(.none)
        answer(.success(Ready(port: current.port, isColdStart: true)))
    }

    private func failed(_ number: Int, _ outcome: InvocationReport.Outcome) {
        guard let current = instance, current.number == number else { return }
        failures += 1
        recordInit(outcome)
        current.process?.output.setContext(.none)
        logger.warning("\(configuration.name) did not get ready")
        answer(.failure(InvocationFailure(outcome: outcome)))
        if let process = current.process { terminate(process) }
    }

    private func answer(_ result: Result<Ready, InvocationFailure>) {
        for continuation in waiting { continuation.resume(returning: result) }
        waiting = []
    }

    private func recordInit(_ outcome: InvocationReport.Outcome?) {
        guard let current = instance else { return }
        let now = Moment(telemetry.clock)
        var span = SpanRecord(
            traceID: current.cause?.traceID
                ?? TraceID(high: random.next(), low: random.next() | 1),
            spanID: current.spanID, name: "init", start: current.spawned.wall,
            duration: now.nanoseconds(since: current.spawned))
        span.kind = .internal
        span.parentID = current.cause?.serverSpan ?? .invalid
        span.flags = UInt32(current.cause?.flags ?? TraceParent.sampled)
        if let outcome { InvocationSpan.setError(outcome, in: &span) }
        if current.cause?.isSampled ?? true { telemetry.record([span]) }
        let seconds = now.seconds(since: current.spawned)
        telemetry.measure { $0.record(seconds, .initDuration, trigger: "http") }
    }

    // MARK: Ending

    private func ended(_ number: Int, _ status: Int32) {
        guard let current = instance, current.number == number else { return }
        let reason = status > 128 ? "signal \(status - 128)" : "exit status \(status)"
        current.starting?.cancel()
        if !isStopping { logger.warning("\(configuration.name) ended: \(reason)") }
        if current.isReady {
            failures += 1
        } else {
            failed(number, .crashed(reason: "ended before it was ready: \(reason)"))
        }
        forget(number)
    }

    private func forget(_ number: Int) {
        guard instance?.number == number else { return }
        instance = nil
        for waiter in whenEnded { waiter.resume() }
        whenEnded = []
        guard !isStopping else { return answer(.failure(InvocationFailure(outcome: .stopping))) }
        if configuration.minInstances > 0 || !waiting.isEmpty { start(cause: nil) }
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

    func stop(within limit: Duration) async {
        isStopping = true
        answer(.failure(InvocationFailure(outcome: .stopping)))
        if running > 0, instance?.isReady == true {
            let patience = max(limit - configuration.killGrace, .zero)
            Task {
                do {
                    try await Task.sleep(for: patience)
                } catch {
                    return
                }
                for waiter in whenIdle { waiter.resume() }
                whenIdle = []
            }
            await withCheckedContinuation { whenIdle.append($0) }
        }
        guard let current = instance else { return }
        guard let process = current.process else {
            // Not started yet, or being started: it is killed when it is there.
            current.starting?.cancel()
            await current.starting?.value
            return await endSpawned()
        }
        terminate(process)
        await withCheckedContinuation { whenEnded.append($0) }
    }

    private func endSpawned() async {
        guard let process = instance?.process else { return }
        terminate(process)
        await withCheckedContinuation { whenEnded.append($0) }
    }
}

/// Ports of this machine.
enum FreePort {
    /// A port that was free a moment ago. Another program may take it first; the child then fails, and is
    /// started again with another.
    static func find() async throws(FunctionWrapperError) -> Int {
        do {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: "127.0.0.1", port: 0).get()
            let port = channel.localAddress?.port ?? 0
            try await channel.close().get()
            return port
        } catch {
            throw .listen(address: "127.0.0.1:0", reason: "\(error)")
        }
    }

    /// Whether something listens there.
    static func accepts(_ port: Int) async -> Bool {
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(1)).connect(host: "127.0.0.1", port: port).get()
            try await channel.close().get()
            return true
        } catch {
            return false
        }
    }
}
