import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOWebSocket
import Platform

/// Looks at every request's head before the rest of the server does: a request for a WebSocket that a route
/// grants ends HTTP on its connection; all others go on, also those that will be refused.
final class WebSocketGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let responder: Responder
    /// What came since a route is being asked; `nil` while none is.
    private var held: [HTTPServerRequestPart]?

    init(_ responder: Responder) { self.responder = responder }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if held != nil {
            held?.append(unwrapInboundIn(data))
            return
        }
        guard case .head(let head) = unwrapInboundIn(data), Self.wantsWebSocket(head) else {
            return context.fireChannelRead(data)
        }
        held = [.head(head)]
        let (responder, channel) = (responder, context.channel)
        let (gate, bound) = (
            NIOLoopBound(self, eventLoop: context.eventLoop),
            NIOLoopBound(context, eventLoop: context.eventLoop)
        )
        context.eventLoop.makeFutureWithTask {
            await responder.opening(for: head, channel)
        }.and(Self.answer(to: head, channel)).whenComplete { result in
            switch result {
            case .success((let opened?, let headers?)):
                gate.value.open(bound.value, opened, headers)
            case .success, .failure: gate.value.goOn(bound.value)
            }
        }
    }

    private static func wantsWebSocket(_ head: HTTPRequestHead) -> Bool {
        head.method == .GET
            && head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
    }

    /// The headers of an answer that grants a WebSocket; `nil` for a request that lacks what it needs.
    private static func answer(
        to head: HTTPRequestHead, _ channel: any Channel
    ) -> EventLoopFuture<HTTPHeaders?> {
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        return upgrader.buildUpgradeResponse(
            channel: channel, upgradeRequest: head, initialResponseHeaders: [:]
        ).map { $0 }.recover { _ in nil }
    }

    private func open(
        _ context: ChannelHandlerContext, _ opened: WebSocketOpened, _ headers: HTTPHeaders
    ) {
        let head = HTTPResponseHead(
            version: .http1_1, status: .switchingProtocols, headers: headers)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        responder.events.emit(RequestAnswered(route: opened.route, status: 101))
        let pipeline = context.pipeline.syncOperations
        do {
            // The time for the next request, which will not come.
            let idle = try pipeline.context(handlerType: HTTPConnectionStateHandler.self)
            pipeline.removeHandler(context: idle, promise: nil)
            try pipeline.addHandlers(
                WebSocketFrameEncoder(),
                ByteToMessageHandler(
                    WebSocketFrameDecoder(maxFrameSize: responder.limits.socketFrameBytesMax)),
                WebSocketHandler(opened.conversation, responder), position: .first)
        } catch {
            context.close(promise: nil)
        }
    }

    private func goOn(_ context: ChannelHandlerContext) {
        let parts = held ?? []
        held = nil
        for part in parts { context.fireChannelRead(wrapInboundOut(part)) }
        context.fireChannelReadComplete()
    }
}

/// A WebSocket that a route grants.
struct WebSocketOpened: Sendable {
    var route: String
    var conversation: WebSocketConversation
}

extension Responder {
    /// - Returns: `nil` when the request is to be answered as any other.
    fileprivate func opening(
        for head: HTTPRequestHead, _ channel: any Channel
    ) async -> WebSocketOpened? {
        let target = HTTPRequest.split(target: head.uri)
        let match = table.match(.get, path: target.path)
        guard case .route(let route, let parameters) = match, let open = route.socket else {
            return nil
        }
        var headers = Headers()
        for (name, value) in head.headers { headers.add(name, value) }
        var request = HTTPRequest(
            method: .get, path: target.path, rawQuery: target.query, headers: headers,
            remoteAddress: channel.remoteAddress?.ipAddress ?? "")
        request.pathParameters = parameters
        do {
            _ = try resolve(match, request)
            return WebSocketOpened(
                route: route.pattern, conversation: try await open(request))
        } catch {
            // Said again, and told to the client, on the way of other requests.
            return nil
        }
    }
}
