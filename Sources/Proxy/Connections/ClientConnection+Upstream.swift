import NIOCore
import Platform
import Telemetry

/// Tries: getting a connection, sending the request, and what to do when that fails.
extension ClientConnection {
    /// Why a try came to nothing.
    enum TryFailure {
        case connect
        case reset
        case timeout
        case protocolError(HeadError)

        var flags: ResponseFlags {
            switch self {
            case .connect: .upstreamConnectionFailure
            case .reset: .upstreamTermination
            case .timeout: .upstreamTimeout
            case .protocolError: .upstreamProtocolError
            }
        }

        var status: UInt16 {
            switch self {
            case .connect, .reset: 503
            case .timeout: 504
            case .protocolError: 502
            }
        }

        var detail: StaticString {
            switch self {
            case .connect: "upstream_reset_before_response_started{connection_failure}"
            case .reset: "upstream_reset_before_response_started{connection_termination}"
            case .timeout: "response_timeout"
            case .protocolError(let error): error.detail
            }
        }
    }

    /// - Parameter fresh: only a new connection will do.
    func startTry(fresh: Bool) {
        guard let cluster = exchange.cluster else { return }
        exchange.attempts += 1
        exchange.isTryOpen = true
        exchange.attemptStartMonotonic =
            exchange.attempts == 1 ? exchange.startMonotonic : loop.clock.monotonicNanoseconds
        exchange.attemptSpan =
            tracesTries ? SpanID(loop.random.nextNonZero()) : .invalid
        tryDeadline =
            exchange.route?.perTryNanoseconds.map { exchange.attemptStartMonotonic &+ $0 } ?? .max
        acquire(loop.nextEndpoint(of: cluster), fresh: fresh)
    }

    /// The hop has a span of its own unless it ends in the workload behind an inbound listener.
    var tracesTries: Bool { !listener.isInbound || exchange.cluster?.isApp == false }

    private func acquire(_ endpoint: EndpointRuntime, fresh: Bool) {
        exchange.endpoint = endpoint
        setPhase(.waiting)
        switch loop.pools[endpoint.index].acquire(for: self, fresh: fresh) {
        case .ready(let connection): upstreamReady(connection)
        case .waiting: break
        case .overflow:
            loop.recordTry(self, status: 0, error: "upstream_overflow")
            reply(503, [.upstreamOverflow], "upstream_overflow")
        }
    }

    /// A connection is there: sends the request, or as much of it as there is.
    func upstreamReady(_ connection: UpstreamConnection) {
        guard phase == .waiting else { return connection.close() }
        setPhase(.active)
        upstream = connection
        exchange.upstreamLocalAddress.removeAll(keepingCapacity: true)
        exchange.upstreamLocalAddress.append(contentsOf: connection.localAddress)
        connection.attach(self, method: exchange.head.method)
        var buffer = loop.takeScratch()
        headWriter.write(exchange, into: &buffer)
        if let replay, replay.readableBytes > 0 { buffer.writeImmutableBuffer(replay) }
        takeSmallBody(into: &buffer)
        connection.writeAndFlush(buffer)
        loop.returnScratch(buffer)
        // Whatever failed synchronously has ended this try already.
        guard phase == .active, upstream === connection else { return }
        pumpBody()
        if phase == .active, requestFraming.isFinished || connection.isWritable { resumeReads() }
    }

    /// A body that came together with its head leaves together with it.
    private func takeSmallBody(into buffer: inout ByteBuffer) {
        guard case .length(let remaining) = requestFraming.mode, remaining > 0,
            remaining <= UInt64(input.readableBytes), remaining <= 16_384,
            let body = input.readSlice(length: Int(remaining))
        else { return }
        _ = body.withUnsafeReadableBytes { requestFraming.consume($0) }
        exchange.requestBodyBytes = requestFraming.contentBytes
        remember(body)
        buffer.writeImmutableBuffer(body)
    }

    private var headWriter: RequestHeadWriter {
        let isGateway = listener.isInbound && exchange.cluster?.isApp == false
        return RequestHeadWriter(
            peerLine: exchange.cluster?.isApp == true ? [] : loop.peerLine,
            forwardedFor: isGateway ? remoteHost : [],
            parent: tracesTries ? exchange.attemptSpan : exchange.serverSpan)
    }

    // MARK: Failures

    func connectFailed(_ error: any Error) { tryFailed(.connect) }

    /// The upstream sent what is no HTTP.
    func upstreamBroken(_ error: HeadError) {
        upstream = nil
        guard hasResponseHead else { return tryFailed(.protocolError(error)) }
        exchange.flags.insert(.upstreamProtocolError)
        exchange.detail = error.detail
        cutOff()
    }

    func upstreamClosed(_ connection: UpstreamConnection, afterHead: Bool) {
        upstream = nil
        guard !afterHead else {
            exchange.flags.insert(.upstreamTermination)
            exchange.detail = "upstream_reset_after_response_started{connection_termination}"
            return cutOff()
        }
        if connection.isReused, connection.isSilent, exchange.head.method.isIdempotent, canReplay,
            let endpoint = exchange.endpoint
        {
            // The pooled connection had died unnoticed: nobody has seen this request.
            return acquire(endpoint, fresh: true)
        }
        tryFailed(.reset)
    }

    private func tryFailed(_ failure: TryFailure) {
        loop.recordTry(self, status: 0, error: failure.errorType)
        if mayRetry(failure) { return backOff() }
        if exchange.attempts > 1 { exchange.flags.insert(.retryLimitExceeded) }
        reply(failure.status, failure.flags, failure.detail)
    }

    func timedOut() {
        leaveLine()
        dropUpstream()
        loop.recordTry(self, status: 0, error: TryFailure.timeout.errorType)
        reply(504, [.upstreamTimeout], "response_timeout")
    }

    func tryTimedOut() {
        leaveLine()
        dropUpstream()
        tryDeadline = .max
        tryFailed(.timeout)
    }

    /// A body stands still.
    func stalled() {
        dropUpstream()
        leaveLine()
        exchange.flags.insert(.streamIdleTimeout)
        exchange.detail = "stream_idle_timeout"
        guard hasResponseHead else {
            loop.recordTry(self, status: 0, error: "timeout")
            return reply(408, [.streamIdleTimeout], "stream_idle_timeout")
        }
        cutOff()
    }

    /// The client closed its connection with a request under way.
    func clientGone() {
        leaveLine()
        dropUpstream()
        exchange.flags.insert(.downstreamTermination)
        exchange.detail = "downstream_remote_disconnect"
        loop.recordTry(self, status: exchange.status, error: "client_disconnect")
        loop.finish(self)
    }

    func dropUpstream() {
        upstream?.abandon()
        upstream = nil
    }

    private func leaveLine() {
        waiter?.client = nil
        waiter = nil
    }

    // MARK: Retries

    /// Whether the request can be sent again: everything sent so far is still at hand.
    private var canReplay: Bool {
        !hasResponseHead && (requestFraming.contentBytes == 0 || replay != nil)
    }

    private func mayRetry(_ failure: TryFailure) -> Bool {
        guard let retries = exchange.route?.retries else { return false }
        let wanted: Bool
        switch failure {
        case .connect: wanted = retries.conditions.contains(.connectFailure)
        case .reset, .protocolError: wanted = retries.conditions.contains(.reset)
        case .timeout:
            wanted =
                retries.conditions.contains(.serverError)
                || retries.conditions.contains(.gatewayError)
        }
        return wanted && hasTriesLeft(retries)
    }

    private func hasTriesLeft(_ retries: ProxyConfiguration.Retries) -> Bool {
        exchange.attempts < retries.attemptsMax && canReplay && loop.mayRetry
    }

    /// Whether a response with this status is thrown away for another try.
    func retriesInstead(of status: UInt16) -> Bool {
        guard status >= 500, let retries = exchange.route?.retries else { return false }
        let wanted =
            retries.conditions.contains(.serverError)
            || retries.conditions.contains(.gatewayError) && (502...504).contains(status)
        guard wanted else { return false }
        if hasTriesLeft(retries) {
            exchange.status = status
            return true
        }
        if exchange.attempts > 1 { exchange.flags.insert(.retryLimitExceeded) }
        return false
    }

    /// The upstream answered, and its answer is not wanted.
    func retry() {
        upstream = nil
        loop.recordTry(self, status: exchange.status, error: nil)
        exchange.status = 0
        backOff()
    }

    private func backOff() {
        guard let retries = exchange.route?.retries else { return }
        setPhase(.backingOff)
        tryDeadline = .max
        loop.retryBegan()
        let doublings = min(exchange.attempts - 1, 6)
        let longest = UInt64(max(1, retries.backoff.nanosecondsClamped)) << UInt64(doublings)
        let wait = longest / 2 + loop.random.next().multipliedFullWidth(by: longest / 2 + 1).high
        loop.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(clamping: wait))) {
            self.loop.retryEnded()
            guard self.phase == .backingOff else { return }
            self.startTry(fresh: false)
        }
    }
}

extension ClientConnection.TryFailure {
    /// As `error.type` of the try's span.
    var errorType: StaticString {
        switch self {
        case .connect: "connection_failure"
        case .reset: "connection_termination"
        case .timeout: "timeout"
        case .protocolError: "protocol_error"
        }
    }
}
