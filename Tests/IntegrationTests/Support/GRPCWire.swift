import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix

/// gRPC frame by frame, so that frames can be wrong.
enum GRPCWire {
    struct Outcome: Sendable {
        /// `nil`: the stream ended without one.
        var status: Int?
        var message = ""
        var httpStatus = ""
        /// Of DATA frames, with gRPC's five bytes.
        var body: [UInt8] = []
    }

    static let traces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

    /// A message as it stands in DATA frames: flag, length, bytes.
    static func frame(_ message: [UInt8], isCompressed: Bool = false, length: Int? = nil) -> [UInt8]
    {
        let length = UInt32(length ?? message.count)
        return [isCompressed ? 1 : 0]
            + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) } + message
    }

    /// Sends one request with all its bytes and reads what comes back.
    static func call(
        port: Int, path: String = traces, encoding: String? = nil,
        contentType: String = "application/grpc", _ bytes: [UInt8]
    ) async throws -> Outcome {
        var headers = HPACKHeaders([
            (":method", "POST"), (":scheme", "http"), (":path", path),
            (":authority", "127.0.0.1:\(port)"), ("content-type", contentType), ("te", "trailers"),
        ])
        if let encoding { headers.add(name: "grpc-encoding", value: encoding) }
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.configureAsyncHTTP2Pipeline(mode: .client) {
                    $0.eventLoop.makeSucceededVoidFuture()
                }
                .map { (channel, $0) }
            }
        let (channel, multiplexer) = connection
        let ended = channel.eventLoop.makePromise(of: Outcome.self)
        let stream = try await multiplexer.openStream { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandler(Collector(ended))
                return stream
            }
        }
        stream.write(HTTP2Frame.FramePayload.headers(.init(headers: headers)), promise: nil)
        // A server that refuses may not read all of it: nobody waits for it to be sent.
        stream.writeAndFlush(
            HTTP2Frame.FramePayload.data(
                .init(data: .byteBuffer(ByteBuffer(bytes: bytes)), endStream: true)),
            promise: nil)
        let outcome = try await ended.futureResult.get()
        channel.close(promise: nil)
        try await channel.closeFuture.get()
        return outcome
    }

    /// Gathers what comes back until the stream ends, however it does.
    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = HTTP2Frame.FramePayload
        private var outcome = Outcome()
        private let ended: EventLoopPromise<Outcome>

        init(_ ended: EventLoopPromise<Outcome>) { self.ended = ended }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .headers(let part):
                note(part.headers, in: &outcome)
                if part.endStream { ended.succeed(outcome) }
            case .data(let part):
                if case .byteBuffer(let buffer) = part.data {
                    outcome.body += Array(buffer.readableBytesView)
                }
            default: break
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            // A stream that is reset has said all that it will.
            ended.succeed(outcome)
        }

        func channelInactive(context: ChannelHandlerContext) { ended.succeed(outcome) }
    }

    private static func note(_ headers: HPACKHeaders, in outcome: inout Outcome) {
        if let text = headers.first(name: ":status") { outcome.httpStatus = text }
        if let text = headers.first(name: "grpc-status") { outcome.status = Int(text) }
        if let text = headers.first(name: "grpc-message") { outcome.message = text }
    }
}
