import Platform
import Telemetry

/// What the child's calls of the Runtime API do.
extension LambdaFunction {
    /// Why a call of the runtime is refused.
    enum Refusal: Error, Equatable {
        case wrongID
        case wrongState
        /// There is nothing more to come.
        case ending
    }

    /// Waits for the next invocation. The first call ends the initialisation.
    func next() async throws(Refusal) -> Assignment {
        guard let current = instance else { throw .ending }
        switch current.phase {
        case .initialising: finishInit()
        case .idle(let earlier): earlier.resume(returning: nil)
        case .settling: break
        case .running: throw .wrongState
        case .ending: throw .ending
        }
        guard !isStopping else {
            endInstance()
            throw .ending
        }
        let assignment = await withCheckedContinuation { continuation in
            instance?.phase = .idle(continuation)
            pump()
        }
        guard let assignment else { throw .ending }
        return assignment
    }

    func respond(_ id: String, _ body: [UInt8]) throws(Refusal) {
        let running = try running(id)
        settle(running, .success(body))
    }

    func fail(_ id: String, type: String, _ body: [UInt8]) throws(Refusal) {
        let running = try running(id)
        settle(running, .functionError(type: type, body: body))
    }

    func failInit(type: String, _ body: [UInt8]) throws(Refusal) {
        guard case .initialising = instance?.phase else { throw .wrongState }
        failInit(.functionError(type: type, body: body), errorType: type)
        endInstance()
    }

    private func running(_ id: String) throws(Refusal) -> Running {
        guard case .running(let running) = instance?.phase else { throw .wrongState }
        guard running.waiting.invocation.id == id else { throw .wrongID }
        return running
    }

    private func settle(_ running: Running, _ outcome: InvocationReport.Outcome) {
        instance?.deadline?.cancel()
        failures = 0
        finish(running, outcome)
        instance?.phase = .settling
        if isStopping { endInstance() }
    }

    // MARK: Ends, and their spans

    /// Answers who waits for `running`.
    func finish(_ running: Running, _ outcome: InvocationReport.Outcome) {
        let end = now
        let usage = instance?.process?.usage()
        instance?.process?.output.setContext(.none)
        let invocation = running.waiting.invocation
        var span = childSpan(
            "handler", of: invocation.trace, id: invocation.trace.handlerSpan,
            start: running.started, end: end)
        span.attributes = [
            Attribute("faas.invocation_id", .string(invocation.id)),
            Attribute("faas.coldstart", .bool(running.isColdStart)),
        ]
        InvocationSpan.setError(outcome, in: &span)
        if invocation.trace.isSampled { telemetry.record([span]) }
        var report = InvocationReport(outcome: outcome, isColdStart: running.isColdStart)
        report.handlerSeconds = end.seconds(since: running.started)
        report.memoryBytesPeak = usage?.memoryBytesPeak
        if let before = running.cpuSecondsBefore, let after = usage?.cpuSeconds {
            report.cpuSeconds = max(0, after - before)
        }
        running.waiting.answer.resume(returning: report)
    }

    private func finishInit() {
        guard let current = instance else { return }
        current.deadline?.cancel()
        recordInit(outcome: nil, errorType: "")
        current.process?.output.setContext(.none)
    }

    /// The invocation that an instance was started for fails with it; others that wait get another try.
    func failInit(_ outcome: InvocationReport.Outcome, errorType: String) {
        guard let current = instance else { return }
        failures += 1
        current.process?.output.setContext(.none)
        recordInit(outcome: outcome, errorType: errorType)
        guard let cause = current.cause,
            let index = queue.firstIndex(where: { $0.invocation.id == cause.id })
        else { return }
        let waiting = queue.remove(at: index)
        recordQueueSpan(waiting, instance: current, until: current.spawned)
        waiting.answer.resume(returning: InvocationReport(outcome: outcome, isColdStart: true))
    }

    private func recordInit(outcome: InvocationReport.Outcome?, errorType: String) {
        guard let current = instance else { return }
        let end = now
        var span = current.initSpan
        span.duration = end.nanoseconds(since: current.spawned)
        if let outcome {
            InvocationSpan.setError(outcome, in: &span)
            span.attributes.append(Attribute("sidelight.init.failure", .string(errorType)))
        }
        if span.flags & UInt32(TraceParent.sampled) != 0 { telemetry.record([span]) }
        let seconds = end.seconds(since: current.spawned)
        let trigger = current.cause?.trigger ?? "other"
        telemetry.measure { $0.record(seconds, .initDuration, trigger: trigger) }
    }

    /// In the trace of the invocation that caused the start; a trace of its own if none did.
    func initSpan(cause: InvocationTrace?, start: Moment) -> SpanRecord {
        let id = SpanID(random.next() | 1)
        var span: SpanRecord
        if let cause {
            span = childSpan("init", of: cause, id: id, start: start, end: start)
        } else {
            let traceID = TraceID(high: random.next(), low: random.next() | 1)
            span = SpanRecord(
                traceID: traceID, spanID: id, name: "init", start: start.wall, duration: 0)
            span.kind = .internal
            span.flags = UInt32(TraceParent.sampled)
        }
        return span
    }

    /// From acceptance until the function got it, or until an instance was started for it.
    func recordQueueSpan(_ waiting: Waiting, instance: Instance, until: Moment) {
        let trace = waiting.invocation.trace
        guard trace.isSampled else { return }
        let isCause = instance.cause?.id == waiting.invocation.id
        let span = childSpan(
            "queue", of: trace, id: SpanID(random.next() | 1), start: waiting.accepted,
            end: isCause ? instance.spawned : until)
        telemetry.record([span])
    }

    private func childSpan(
        _ name: String, of trace: InvocationTrace, id: SpanID, start: Moment, end: Moment
    ) -> SpanRecord {
        var span = SpanRecord(
            traceID: trace.traceID, spanID: id, name: name, start: start.wall,
            duration: end.nanoseconds(since: start))
        span.parentID = trace.serverSpan
        span.kind = .internal
        span.flags = UInt32(trace.flags)
        span.traceState = trace.traceState
        return span
    }
}
