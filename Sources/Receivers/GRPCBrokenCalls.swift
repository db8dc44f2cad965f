import HTTPServer
import NIOCore
import NIOHPACK
import NIOHTTP2
import Platform
import WireFormats

/// Answers and counts calls that the gRPC transport breaks off by itself.
///
/// A message that it cannot frame or decompress makes the transport reset the stream without a status:
/// senders take that for a failure of the network and try the same again for ever. Here such a call gets
/// the status that ends it. Calls that the transport refuses by their header (an unknown compression,
/// another content type) get their status from it, and are only counted here.
final class GRPCBrokenCalls: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private enum Reading { case nothing, head, message }

    private let events: EventLog
    private let messageBytesMax: Int
    private var reading = Reading.nothing
    private var hasAnswerBegun = false
    private var isAnswered = false
    /// The first 7 bytes of the message (flag, length and what gzip begins with) and the last 4.
    private var start: [UInt8] = []
    private var end: [UInt8] = []
    private var context: ChannelHandlerContext?

    private init(events: EventLog, messageBytesMax: Int) {
        self.events = events
        self.messageBytesMax = messageBytesMax
    }

    /// Adds itself around the transport's own handlers of a new stream.
    /// - Parameter messageBytesMax: the transport's bound on a message, as sent and expanded.
    static func watch(
        _ stream: any Channel, events: EventLog, messageBytesMax: Int
    ) -> EventLoopFuture<Void> {
        stream.eventLoop.makeCompletedFuture {
            let calls = GRPCBrokenCalls(events: events, messageBytesMax: messageBytesMax)
            let pipeline = stream.pipeline.syncOperations
            try pipeline.addHandler(calls, position: .first)
            try pipeline.addHandler(Failures(calls: calls), position: .last)
        }
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers: reading = .head
        case .data(let frame):
            reading = .message
            if case .byteBuffer(let bytes) = frame.data { remember(bytes.readableBytesView) }
        default: break
        }
        context.fireChannelRead(data)
        reading = .nothing
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .headers(let frame) = unwrapOutboundIn(data) {
            hasAnswerBegun = true
            isAnswered = isAnswered || frame.endStream
            if reading == .head, frame.endStream { count(.unsupportedMediaType) }
        }
        context.write(data, promise: promise)
    }

    private func remember(_ bytes: ByteBufferView) {
        if start.count < 7 { start += bytes.prefix(7 - start.count) }
        end = Array((end + bytes.suffix(4)).suffix(4))
    }

    /// The transport has given up a call. What it reports while it reads no message is the client's own
    /// doing: a call cancelled, a connection gone.
    private func fail() {
        guard reading == .message, !isAnswered, let context else { return }
        isAnswered = true
        let isTooLarge = declaredBytes > messageBytesMax
        count(isTooLarge ? .bodyTooLarge : .undecodableEncoding)
        // Neither code is tried again (OTLP specification, "OTLP/gRPC Throttling").
        let status =
            isTooLarge
            ? RPCStatus(.resourceExhausted, "the message exceeds \(messageBytesMax) bytes")
            : RPCStatus(.internalError, "the message cannot be read as the compression it names")
        var headers = HPACKHeaders()
        if !hasAnswerBegun {
            headers.add(name: ":status", value: "200")
            headers.add(name: "content-type", value: "application/grpc")
        }
        headers.add(name: "grpc-status", value: String(status.code.rawValue))
        headers.add(name: "grpc-message", value: status.message)
        context.writeAndFlush(
            wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: nil)
    }

    /// How large the message says that it is: its frame as sent, or gzip's trailer (RFC 1952 §2.3.1) of
    /// one that would not expand.
    private var declaredBytes: Int {
        guard start.count >= 5 else { return 0 }
        let sent = start[1...4].reduce(0) { $0 << 8 | Int($1) }
        guard start[0] == 1, start[5...] == [0x1F, 0x8B], end.count == 4 else { return sent }
        return max(sent, end.reversed().reduce(0) { $0 << 8 | Int($1) })
    }

    private func count(_ reason: HTTPError.Reason) {
        events.emit(RequestRefused(way: .otlpGRPC, reason: reason.rawValue))
    }

    /// Stands behind the transport's handlers, where their errors arrive.
    private final class Failures: ChannelInboundHandler {
        typealias InboundIn = Any
        private let calls: GRPCBrokenCalls

        init(calls: GRPCBrokenCalls) { self.calls = calls }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            calls.fail()
            context.fireErrorCaught(error)
        }
    }
}
