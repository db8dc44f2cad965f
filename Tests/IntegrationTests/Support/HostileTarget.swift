import Foundation
import NIOCore
import NIOPosix

/// A scrape target on a free port of loopback that answers every request with bytes as they are, or not at all.
final class HostileTarget: Sendable {
    /// What it does once it was asked.
    enum Answer: Sendable {
        case nothing
        /// The head of an answer in the text format, and this.
        case text(String)
        case bytes([UInt8])
        /// The head of an answer of so many bytes, and this again and again until they are sent.
        case repeated(String, bytes: Int)
    }

    let port: Int
    private let channel: any Channel

    init(_ answer: Answer) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(HostileHandler(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func close() async throws { try await channel.close() }
}

private final class HostileHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: HostileTarget.Answer
    /// What is repeated.
    private var part = ByteBuffer()
    /// How many bytes are still to be sent.
    private var rest = 0
    private var isPouring = false

    init(_ answer: HostileTarget.Answer) {
        self.answer = answer
        if case .repeated(let text, _) = answer { part = ByteBuffer(string: text) }
    }

    private static func head(_ count: Int) -> String {
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\n"
            + "content-length: \(count)\r\n\r\n"
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch answer {
        case .nothing: break
        case .text(let text): write(Self.head(text.utf8.count) + text, context)
        case .bytes(let bytes):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        case .repeated(_, let bytes):
            rest = bytes
            write(Self.head(bytes), context)
            pour(context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { pour(context) }

    /// As much as the peer takes; nothing more once it has gone.
    private func pour(_ context: ChannelHandlerContext) {
        // What is written tells at once that the peer takes more.
        guard !isPouring else { return }
        isPouring = true
        defer { isPouring = false }
        while rest > 0, context.channel.isActive, context.channel.isWritable {
            let count = min(rest, part.readableBytes)
            rest -= count
            var slice = part
            context.writeAndFlush(
                wrapOutboundOut(slice.readSlice(length: count) ?? part), promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { rest = 0 }

    private func write(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        rest = 0
        context.close(promise: nil)
    }
}
