import NIOCore

/// A connection to an endpoint: reads responses and gives them to the client connection whose request
/// it carries. Lives on its pool's event loop, where that client lives too.
final class UpstreamConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case idle
        case head
        case body
    }

    let pool: EndpointPool
    private(set) var isOpen = false
    /// Has carried a request before the present one.
    private(set) var isReused = false
    /// Not a byte of a response to the present request has come.
    private(set) var isSilent = true
    private(set) var isWritable = true
    private(set) var localAddress: [UInt8] = []
    var idleSince: Int64 = 0
    /// Whether the pool has counted this connection as open.
    var isCounted = false

    private var context: ChannelHandlerContext?
    private var client: ClientConnection?
    private var phase = Phase.idle
    private var parser: ResponseParser
    private var framing = BodyFraming(.none)
    private var requestMethod = RequestMethod.get
    /// The bytes of a head that is not yet complete.
    private var partial = ByteBuffer()
    private var isReadPaused = false
    private var wantsRead = false

    init(pool: EndpointPool) {
        self.pool = pool
        parser = ResponseParser(limits: pool.loop.limits.heads)
    }

    // MARK: For the client connection

    /// The connection is established.
    func opened(_ channel: any Channel) {
        isOpen = true
        localAddress = SocketText.address(channel.localAddress)
    }

    /// Begins an exchange; requests may be written from now on.
    func attach(_ client: ClientConnection, method: RequestMethod) {
        self.client = client
        requestMethod = method
        phase = .head
        isSilent = true
        parser.reset()
    }

    /// Ends an exchange that this connection cannot outlive.
    func abandon() {
        client = nil
        close()
    }

    func write(_ buffer: ByteBuffer) { context?.write(wrapOutboundOut(buffer), promise: nil) }

    func flush() { context?.flush() }

    func writeAndFlush(_ buffer: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func pauseReads() { isReadPaused = true }

    func resumeReads() {
        guard isReadPaused else { return }
        isReadPaused = false
        if wantsRead {
            wantsRead = false
            context?.read()
        }
    }

    func close() {
        isOpen = false
        context?.close(promise: nil)
    }

    func countAsClosed() {
        guard isCounted else { return }
        isCounted = false
        pool.closed(self)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        // A channel that is closed while its connect is being announced never becomes inactive.
        ended()
        self.context = nil
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
        guard let client else { return close() }
        isSilent = false
        if partial.readableBytes > 0 {
            partial.writeBuffer(&bytes)
            bytes = partial
            partial = ByteBuffer()
        }
        if phase == .head { guard readHead(&bytes, client) else { return } }
        if phase == .body, bytes.readableBytes > 0 { readBody(&bytes, client) }
    }

    func channelInactive(context: ChannelHandlerContext) { ended() }

    /// The connection is gone. Once for the client and the pool, however often it is told.
    private func ended() {
        isOpen = false
        let client = self.client
        self.client = nil
        countAsClosed()
        guard let client else { return }
        if phase == .body, framing.mode == .untilClose {
            phase = .idle
            client.responseFinished()
        } else {
            client.upstreamClosed(self, afterHead: phase == .body)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset or a broken pipe: the channel's end tells the client.
        close()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable { client?.resumeReads() }
    }

    // MARK: Responses

    /// - Returns: whether the head is done and its body, if any, goes on.
    private func readHead(_ bytes: inout ByteBuffer, _ client: ClientConnection) -> Bool {
        while true {
            switch bytes.withUnsafeReadableBytes({ parser.parse($0) }) {
            case .incomplete:
                partial = bytes
                return false
            case .invalid(let error):
                self.client = nil
                close()
                client.upstreamBroken(error)
                return false
            case .complete(let length):
                if parser.head.status < 200 {
                    guard parser.head.status != 101 else {
                        // Nobody has asked for an upgrade: the proxy takes the field off.
                        self.client = nil
                        close()
                        client.upstreamBroken(.malformedStatusLine)
                        return false
                    }
                    guard let interim = bytes.readSlice(length: length) else { return false }
                    client.interimResponse(interim)
                    parser.reset()
                    guard bytes.readableBytes > 0 else { return false }
                    continue
                }
                return takeHead(&bytes, length, client)
            }
        }
    }

    private func takeHead(
        _ bytes: inout ByteBuffer, _ length: Int, _ client: ClientConnection
    ) -> Bool {
        framing = parser.head.bodyFraming(requestMethod: requestMethod)
        if client.retriesInstead(of: parser.head.status) {
            finishUnread(bytes.readableBytes - length)
            client.retry()
            return false
        }
        phase = .body
        var contents: [Range<Int>] = []
        let removesChunking = client.removesChunking(framing)
        let progress = bytes.withUnsafeReadableBytes { raw in
            framing.consume(UnsafeRawBufferPointer(rebasing: raw[length...])) { range in
                if removesChunking { contents.append(range) }
            }
        }
        guard progress != .invalid else {
            self.client = nil
            close()
            client.upstreamBroken(.malformedChunk)
            return false
        }
        var body = bytes
        body.moveReaderIndex(forwardBy: length)
        let used = usedBytes(progress, of: body)
        if removesChunking {
            body = ClientConnection.joined(body, contents)
        } else {
            body = body.readSlice(length: used) ?? ByteBuffer()
        }
        client.respond(
            parser.head, bytes, body: body, framing: framing, isLast: progress != .more)
        bytes.moveReaderIndex(forwardBy: length + used)
        if progress != .more { finish(leftover: bytes.readableBytes) }
        return progress == .more
    }

    private func readBody(_ bytes: inout ByteBuffer, _ client: ClientConnection) {
        var contents: [Range<Int>] = []
        let removesChunking = client.removesChunking(framing)
        let progress = bytes.withUnsafeReadableBytes { raw in
            framing.consume(raw) { range in
                if removesChunking { contents.append(range) }
            }
        }
        guard progress != .invalid else {
            self.client = nil
            close()
            client.upstreamBroken(.malformedChunk)
            return
        }
        let used = usedBytes(progress, of: bytes)
        let leftover = bytes.readableBytes - used
        let body =
            removesChunking
            ? ClientConnection.joined(bytes, contents)
            : leftover == 0 ? bytes : bytes.readSlice(length: used) ?? ByteBuffer()
        client.respondMore(body, contentBytes: framing.contentBytes)
        if progress != .more { finish(leftover: leftover) }
    }

    private func usedBytes(_ progress: BodyFraming.Progress, of bytes: ByteBuffer) -> Int {
        if case .finished(let used) = progress { used } else { bytes.readableBytes }
    }

    /// The response is complete: the connection goes back to its pool if it can be used again.
    private func finish(leftover: Int) {
        guard let client else { return }
        let reusable =
            leftover == 0 && isOpen && parser.head.keepsAlive && client.hasSentRequest
        detach(reusable)
        client.responseFinished()
    }

    /// The response is not wanted; what has come of it was `unread` bytes after its head.
    private func finishUnread(_ unread: Int) {
        let reusable =
            isOpen && parser.head.keepsAlive && (client?.hasSentRequest ?? false)
            && unread == 0 && framing.isFinished
        detach(reusable)
    }

    private func detach(_ reusable: Bool) {
        client = nil
        phase = .idle
        isReused = true
        isReadPaused = false
        if reusable {
            if wantsRead {
                wantsRead = false
                context?.read()
            }
            pool.release(self)
        } else {
            close()
        }
    }
}
