import NIOCore
import NIOHTTP1

/// Collects a request, asks for the answer and writes it. Requests that are sent before the answer wait in
/// the pipeline handler before it.
final class RequestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let bodyBytesMax: Int
    private let respond: HTTPEndpoint.Responder
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var isTooLarge = false
    private var task: Task<Void, Never>?

    init(bodyBytesMax: Int, respond: @escaping HTTPEndpoint.Responder) {
        self.bodyBytesMax = bodyBytesMax
        self.respond = respond
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head, context)
        case .body(var piece):
            guard !isTooLarge, body.readableBytes + piece.readableBytes <= bodyBytesMax else {
                isTooLarge = true
                body = ByteBuffer()
                return
            }
            body.writeBuffer(&piece)
        case .end: answer(context)
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        self.head = head
        body = ByteBuffer()
        isTooLarge = false
        if head.headers.contains(name: "expect") {
            let go = HTTPResponseHead(version: head.version, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
        }
    }

    private func answer(_ context: ChannelHandlerContext) {
        guard let head else { return }
        self.head = nil
        let request = FunctionRequest(
            method: head.method.rawValue, target: head.uri,
            headers: head.headers.map { (name: $0.name, value: $0.value) }, body: body,
            isTooLarge: isTooLarge, peer: context.remoteAddress?.ipAddress ?? "")
        body = ByteBuffer()
        let writer = ResponseWriter(
            channel: context.channel, version: head.version, isKeptAlive: head.isKeepAlive,
            isHead: head.method == .HEAD)
        let respond = respond
        task = Task { await writer.write(await respond(request)) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        task?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Writes one answer to a connection.
private struct ResponseWriter: Sendable {
    let channel: any Channel
    let version: HTTPVersion
    let isKeptAlive: Bool
    let isHead: Bool

    func write(_ response: FunctionResponse) async {
        do {
            try await send(response)
            if !isKeptAlive { try await channel.close().get() }
        } catch {
            // The peer is gone or the body broke off: the connection cannot be used again.
            channel.close(promise: nil)
        }
    }

    private func send(_ response: FunctionResponse) async throws {
        let headers = HTTPHeaders(response.headers.map { ($0.name, $0.value) })
        var head = HTTPResponseHead(
            version: version, status: HTTPResponseStatus(statusCode: response.status),
            headers: headers)
        if !isKeptAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
        let hasBody = !isHead && response.status != 204 && response.status != 304
        switch response.body {
        case .bytes(let bytes):
            if !head.headers.contains(name: "content-length"), response.status != 204 {
                head.headers.add(name: "content-length", value: String(bytes.count))
            }
            channel.write(HTTPServerResponsePart.head(head), promise: nil)
            if hasBody, !bytes.isEmpty {
                let body = IOData.byteBuffer(ByteBuffer(bytes: bytes))
                channel.write(HTTPServerResponsePart.body(body), promise: nil)
            }
        case .stream(let produce):
            let channel = channel
            // Not waited for here: the producer must run, to notice that the peer is gone.
            let promise = channel.eventLoop.makePromise(of: Void.self)
            let headWritten = promise.futureResult
            channel.writeAndFlush(HTTPServerResponsePart.head(head), promise: promise)
            try await produce { piece in
                try await headWritten.get()
                guard hasBody else { return }
                try await channel.writeAndFlush(
                    HTTPServerResponsePart.body(.byteBuffer(piece))
                ).get()
            }
            try await headWritten.get()
        }
        try await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
    }
}
