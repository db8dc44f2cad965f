import NIOCore
import NIOWebSocket
import Platform

/// Sits at the front of the pipeline of a connection that has become a WebSocket; handlers behind it hear
/// no more than that the connection has ended.
final class WebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = Never
    typealias OutboundOut = WebSocketFrame

    private let conversation: WebSocketConversation
    private let responder: Responder
    private var context: ChannelHandlerContext?
    private var talking: Task<Void, Never>?
    private var pinging: RepeatedTask?
    private var isPongAwaited = false
    private var hasSaidFarewell = false

    init(_ conversation: @escaping WebSocketConversation, _ responder: Responder) {
        self.conversation = conversation
        self.responder = responder
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        responder.exchanges.begin(context.channel)
        let socket = WebSocket(self, on: context.eventLoop)
        talking = Task.detached { [conversation] in
            await conversation(socket)
            socket.close(.done)
        }
        let interval = TimeAmount(responder.limits.socketPingInterval)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        pinging = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) {
            _ in bound.value.ping()
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end(context) }

    func channelInactive(context: ChannelHandlerContext) {
        end(context)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        // What a client sends is masked (RFC 6455 §5.1), and no extension was agreed on (§5.2).
        guard frame.maskKey != nil, frame.reservedBits.isEmpty else {
            return close(.protocolError, reason: "no mask, or reserved bits")
        }
        switch frame.opcode {
        case .connectionClose: close(.done)
        case .ping:
            guard !hasSaidFarewell else { return }
            let pong = WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)
            context.writeAndFlush(wrapOutboundOut(pong), promise: nil)
        case .pong: isPongAwaited = false
        default: break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: close(.goingAway, reason: "the server stops")
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(.protocolError, reason: "unreadable frame")
    }

    func send(text: [UInt8], _ promise: EventLoopPromise<Void>) {
        guard let context, !hasSaidFarewell else { return promise.fail(WebSocket.Closed()) }
        let frame = WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(bytes: text))
        context.writeAndFlush(wrapOutboundOut(frame), promise: promise)
    }

    func close(_ farewell: WebSocket.Farewell, reason: String = "") {
        guard let context, !hasSaidFarewell else { return }
        hasSaidFarewell = true
        var data = ByteBuffer(integer: farewell.rawValue)
        // A control frame holds 125 bytes at most.
        data.writeBytes(reason.utf8.prefix(123))
        let frame = WebSocketFrame(fin: true, opcode: .connectionClose, data: data)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(frame)).whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }

    private func ping() {
        guard let context, !hasSaidFarewell else { return }
        guard !isPongAwaited else {
            responder.events.emit(ConnectionAborted(reason: .silentSocket))
            return context.close(promise: nil)
        }
        isPongAwaited = true
        let frame = WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer())
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    private func end(_ context: ChannelHandlerContext) {
        guard self.context != nil else { return }
        self.context = nil
        pinging?.cancel()
        talking?.cancel()
        responder.exchanges.end(context.channel)
    }
}
