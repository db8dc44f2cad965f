import NIOCore
import Platform
import Telemetry

/// A connection from a client: reads requests one after the other, has each carried upstream, and
/// writes the response. Lives on one event loop, together with the upstream connections it uses.
///
/// While a request is under way, bytes of the next one stay in `input` (bounded: reading pauses); a
/// client that closes its side meanwhile is taken to be gone, and its upstream is closed.
final class ClientConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Between requests, or within a head.
        case idle
        /// An upstream connection is being waited for.
        case waiting
        /// A request is upstream.
        case active
        /// Before another try.
        case backingOff
        /// The last response is written; what still comes is dropped until the client closes.
        case closing
    }

    let loop: ProxyLoop
    let listener: ListenerRuntime
    let exchange: Exchange
    /// This connection's place in `loop.clients`.
    var registryIndex = -1
    var waiter: EndpointPool.Waiter?

    private(set) var phase = Phase.idle
    private(set) var remoteAddress: [UInt8] = []
    private(set) var remoteHost: [UInt8] = []
    private(set) var remotePort: UInt16 = 0
    private(set) var localAddress: [UInt8] = []

    private var context: ChannelHandlerContext?
    var input = ByteBuffer()
    var upstream: UpstreamConnection?
    var requestFraming = BodyFraming(.none)
    /// Body bytes already sent, for another try; `nil` once there are too many.
    var replay: ByteBuffer? = ByteBuffer()
    var keepsReplay = false
    var hasResponseHead = false
    /// Whether the response is the connection's last.
    private var closesAfterResponse = false
    private var isReadPaused = false
    private var wantsRead = false
    private var isProcessing = false
    private var isWritable = true
    /// When the present phase must have made progress, on the loop's coarse clock; `.max` never.
    var deadline = Int64.max
    var tryDeadline = Int64.max
    private var lastActivity: Int64 = 0

    init(loop: ProxyLoop, listener: ListenerRuntime) {
        self.loop = loop
        self.listener = listener
        exchange = Exchange(limits: loop.limits.heads)
    }

    /// Whether all of the request is upstream, so that the upstream connection is in a known state.
    var hasSentRequest: Bool { requestFraming.isFinished }

    func setPhase(_ next: Phase) { phase = next }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { channelActive(context: context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        guard registryIndex < 0 else { return }
        remoteAddress = SocketText.address(context.channel.remoteAddress)
        remoteHost = SocketText.host(context.channel.remoteAddress)
        remotePort = UInt16(clamping: context.channel.remoteAddress?.port ?? 0)
        localAddress = SocketText.address(context.channel.localAddress)
        loop.register(self)
        rest()
    }

    func channelInactive(context: ChannelHandlerContext) {
        loop.unregister(self)
        switch phase {
        case .idle, .closing: break
        case .waiting, .active, .backingOff: clientGone()
        }
        phase = .closing
    }

    func read(context: ChannelHandlerContext) {
        if isReadPaused {
            wantsRead = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard phase != .closing else { return }
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeBuffer(&bytes)
        }
        process()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset: the channel's end does the rest.
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        guard isWritable else {
            upstream?.pauseReads()
            return
        }
        upstream?.resumeReads()
        guard phase == .idle, !isProcessing else { return }
        resumeReads()
        process()
    }

    func resumeReads() {
        guard isReadPaused else { return }
        isReadPaused = false
        if phase == .active { pumpBody() }
        if !isReadPaused, wantsRead {
            wantsRead = false
            context?.read()
        }
    }

    func pauseReads() { isReadPaused = true }

    // MARK: Requests

    /// Goes as far as the bytes at hand allow. Not re-entered: whoever finishes a request while this
    /// runs leaves the next one to it.
    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        while true {
            switch phase {
            case .idle:
                skipEmptyLines()
                guard input.readableBytes > 0 else { return releaseInput() }
                // Who does not read the answers to pipelined requests gets no further ones: they
                // would pile up here.
                guard isWritable else { return boundInput() }
                guard readHead() else { return }
            case .active:
                if !requestFraming.isFinished { pumpBody() }
                guard phase == .idle else { return boundInput() }
            case .waiting, .backingOff: return boundInput()
            case .closing: return releaseInput()
            }
        }
    }

    /// RFC 9112 §2.2: an empty line before a request is to be ignored.
    private func skipEmptyLines() {
        while let bytes = input.getInteger(at: input.readerIndex, as: UInt16.self), bytes == 0x0D0A
        {
            input.moveReaderIndex(forwardBy: 2)
        }
    }

    private func releaseInput() { input = loop.emptyBuffer }

    private func boundInput() {
        if input.readableBytes == 0 {
            releaseInput()
        } else if input.readableBytes >= ProxyLoop.bufferedBytesMax {
            isReadPaused = true
        }
    }

    /// - Returns: whether there was a complete head.
    private func readHead() -> Bool {
        switch input.withUnsafeReadableBytes({ exchange.parser.parse($0) }) {
        case .incomplete:
            if deadline == .max {
                deadline = loop.coarseNow &+ loop.limits.headTimeout.nanosecondsClamped
                loop.keepTicking()
            }
            return false
        case .invalid(let error):
            // Nothing of a broken head is to be believed, not even to report it.
            exchange.parser.reset()
            beginExchange(headLength: 0)
            closesAfterResponse = true
            requestFraming = BodyFraming(.none)
            reply(error.status, [.downstreamProtocolError], error.detail)
            return true
        case .complete(let length):
            beginExchange(headLength: length)
            requestFraming = exchange.head.bodyFraming
            closesAfterResponse = !exchange.head.keepsAlive || loop.isDraining
            routeRequest()
            return true
        }
    }

    private func beginExchange(headLength: Int) {
        exchange.startMonotonic = loop.clock.monotonicNanoseconds
        exchange.startWall = loop.clock.wallNanoseconds
        exchange.headLength = headLength
        if headLength > 0 {
            input.readWithUnsafeReadableBytes { bytes in
                exchange.bytes.append(
                    contentsOf: UnsafeRawBufferPointer(rebasing: bytes[0..<headLength]))
                return headLength
            }
        }
        hasResponseHead = false
        lastActivity = loop.coarseNow
        loop.exchangeBegan()
        loop.identify(exchange, isInbound: listener.isInbound)
    }

    private func routeRequest() {
        let route = exchange.bytes.withUnsafeBytes { bytes in
            listener.route(host: exchange.host(bytes), path: bytes[exchange.head.path])
        }
        guard let route else { return reply(404, [.noRoute], "route_not_found") }
        let cluster = route.target(&loop.random)
        exchange.route = route
        exchange.cluster = cluster
        keepsReplay = !requestFraming.isFinished
        replay = keepsReplay ? ByteBuffer() : nil
        deadline = route.timeoutNanoseconds.map { exchange.startMonotonic &+ $0 } ?? .max
        startTry(fresh: false)
    }

    /// Moves body bytes from `input` upstream.
    func pumpBody() {
        guard let upstream, !requestFraming.isFinished, input.readableBytes > 0 else { return }
        let progress = input.withUnsafeReadableBytes { requestFraming.consume($0) }
        let used: Int
        switch progress {
        case .invalid: return badBody()
        case .more: used = input.readableBytes
        case .finished(let count): used = count
        }
        guard let slice = input.readSlice(length: used) else { return }
        exchange.requestBodyBytes = requestFraming.contentBytes
        remember(slice)
        lastActivity = loop.coarseNow
        if requestFraming.isFinished { restartDeadline() }
        upstream.writeAndFlush(slice)
        if !upstream.isWritable { isReadPaused = true }
    }

    /// The upstream's time to answer begins when it has the whole request.
    private func restartDeadline() {
        guard !hasResponseHead, let timeout = exchange.route?.timeoutNanoseconds else { return }
        deadline = loop.clock.monotonicNanoseconds &+ timeout
    }

    func remember(_ body: ByteBuffer) {
        guard keepsReplay else { return }
        let kept = replay?.readableBytes ?? 0
        if kept + body.readableBytes <= loop.limits.replayBytesMax {
            replay?.writeImmutableBuffer(body)
        } else {
            replay = nil
            keepsReplay = false
        }
    }

    private func badBody() {
        dropUpstream()
        requestFraming = BodyFraming(.none)
        closesAfterResponse = true
        if hasResponseHead {
            exchange.flags.insert(.downstreamProtocolError)
            cutOff()
        } else {
            reply(400, [.downstreamProtocolError], HeadError.malformedChunk.detail)
        }
    }

    // MARK: Responses

    /// Whether chunks must be taken out of a response for this client (HTTP/1.0 has none).
    func removesChunking(_ framing: BodyFraming) -> Bool {
        exchange.head.minorVersion == 0 && framing.isChunked
    }

    func interimResponse(_ bytes: ByteBuffer) {
        guard exchange.head.minorVersion == 1 else { return }
        write(bytes, flush: true)
    }

    /// Writes a response head and the part of its body that came with it.
    /// - Parameter bytes: start with the head.
    func respond(
        _ head: ResponseHead, _ bytes: ByteBuffer, body: ByteBuffer, framing: BodyFraming,
        isLast: Bool
    ) {
        hasResponseHead = true
        deadline = .max
        tryDeadline = .max
        lastActivity = loop.coarseNow
        exchange.status = head.status
        exchange.firstByteMonotonic = loop.clock.monotonicNanoseconds
        exchange.responseBodyBytes = framing.contentBytes
        exchange.responseHeadBytes = Int(head.block.end) + 2
        if head.block.contains(.peer) {
            bytes.withUnsafeReadableBytes { raw in
                if let value = head.block.value(.peer) {
                    exchange.destinationPeer = loop.peers.index(of: raw[value])
                }
            }
        }
        let unframed = framing.mode == .untilClose || removesChunking(framing)
        if unframed || loop.isDraining || !requestFraming.isFinished { closesAfterResponse = true }
        var buffer = loop.takeScratch()
        let writer = ResponseHeadWriter(
            connection: connectionField, removesChunking: removesChunking(framing),
            peerLine: listener.isInbound && exchange.sourcePeer != 0 ? loop.peerLine : [])
        bytes.withUnsafeReadableBytes { writer.write(head, $0, into: &buffer) }
        // One write costs less than two; a large body is not worth copying.
        if body.readableBytes <= 16_384 {
            buffer.writeImmutableBuffer(body)
            write(buffer, flush: true)
        } else {
            write(buffer, flush: false)
            write(body, flush: true)
        }
        loop.returnScratch(buffer)
        if !isWritable, !isLast { upstream?.pauseReads() }
    }

    func respondMore(_ body: ByteBuffer, contentBytes: UInt64) {
        exchange.responseBodyBytes = contentBytes
        lastActivity = loop.coarseNow
        if body.readableBytes > 0 { write(body, flush: true) }
        if !isWritable { upstream?.pauseReads() }
    }

    /// The upstream's response is complete and written.
    func responseFinished() {
        upstream = nil
        finishExchange()
    }

    private var connectionField: ResponseHeadWriter.ConnectionField {
        if closesAfterResponse { return .close }
        return exchange.head.minorVersion == 0 ? .keepAlive : .none
    }

    /// Answers in the upstream's place.
    func reply(_ status: UInt16, _ flags: ResponseFlags, _ detail: StaticString) {
        exchange.status = status
        exchange.flags.formUnion(flags)
        exchange.detail = detail
        if !requestFraming.isFinished || loop.isDraining { closesAfterResponse = true }
        hasResponseHead = true
        var buffer = loop.takeScratch()
        let length = LocalReply.write(exchange, connectionField, into: &buffer)
        exchange.responseBodyBytes = UInt64(length)
        write(buffer, flush: true)
        loop.returnScratch(buffer)
        finishExchange()
    }

    /// The response cannot be completed: the client must see that it is broken.
    func cutOff() {
        closesAfterResponse = true
        loop.finish(self)
        phase = .closing
        context?.close(promise: nil)
    }

    private func finishExchange() {
        deadline = .max
        tryDeadline = .max
        loop.finish(self)
        guard closesAfterResponse else {
            rest()
            return process()
        }
        phase = .closing
        releaseInput()
        deadline = loop.coarseNow &+ ProxyLoop.lingerNanoseconds
        loop.keepTicking()
        isReadPaused = false
        context?.close(mode: .output, promise: nil)
        if wantsRead {
            wantsRead = false
            context?.read()
        }
    }

    private func rest() {
        phase = .idle
        exchange.reset()
        replay = nil
        keepsReplay = false
        closesAfterResponse = false
        requestFraming = BodyFraming(.none)
        lastActivity = loop.coarseNow
        if isReadPaused { resumeReads() }
    }

    private func write(_ buffer: ByteBuffer, flush: Bool) {
        if flush {
            context?.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        } else {
            context?.write(wrapOutboundOut(buffer), promise: nil)
        }
    }

    // MARK: Time

    /// Called every few milliseconds while something is under way.
    func tick(_ now: Int64) {
        switch phase {
        case .idle:
            if deadline <= now {
                exchange.parser.reset()
                beginExchange(headLength: 0)
                closesAfterResponse = true
                reply(408, [.downstreamProtocolError], "request_head_timeout")
            } else if lastActivity &+ loop.limits.idleTimeout.nanosecondsClamped <= now {
                close()
            }
        case .waiting, .active, .backingOff:
            if deadline <= now, requestFraming.isFinished || phase != .active {
                timedOut()
            } else if tryDeadline <= now {
                tryTimedOut()
            } else if hasResponseHead || !requestFraming.isFinished,
                lastActivity &+ loop.limits.streamIdleTimeout.nanosecondsClamped <= now
            {
                stalled()
            }
        case .closing:
            if deadline <= now { close() }
        }
    }

    func close() { context?.close(promise: nil) }

    /// Closes unless a request is under way.
    func closeIfIdle() {
        if phase == .idle, input.readableBytes == 0 { close() } else { closesAfterResponse = true }
    }

    /// The content of `bytes` at `ranges`, in one buffer.
    static func joined(_ bytes: ByteBuffer, _ ranges: [Range<Int>]) -> ByteBuffer {
        var result = ByteBuffer()
        for range in ranges {
            if let slice = bytes.getSlice(
                at: bytes.readerIndex + range.lowerBound, length: range.count)
            {
                result.writeImmutableBuffer(slice)
            }
        }
        return result
    }
}
