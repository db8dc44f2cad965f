import NIOCore
import NIOHTTP1

/// Wakes whoever waits for a body of which nothing comes: its time is over although its client is silent,
/// and the client is to be told so.
final class SilentBodyWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    /// Comes down the pipeline when the time for a body is over.
    struct TimeIsOver: Sendable {}

    private var isInBody = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: isInBody = true
        case .body: break
        case .end: isInBody = false
        }
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is TimeIsOver else { return context.fireUserInboundEventTriggered(event) }
        guard isInBody else { return }
        // An empty piece changes no body, and whoever gets it looks at the time.
        context.fireChannelRead(wrapInboundOut(.body(ByteBuffer())))
        context.fireChannelReadComplete()
    }
}
