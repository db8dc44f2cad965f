import Foundation
import NIOCore
import NIOPosix

/// A proxy on a free port of loopback, and the target behind it: whatever is asked through a tunnel is answered
/// with the heads of the requests that came, as comments of an exposition.
enum TunnelProxy {
    static func with(_ body: (Int) async throws -> Void) async throws {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(channel.localAddress?.port ?? 0))
        } catch {
            result = .failure(error)
        }
        try await channel.close()
        try result.get()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private var heads: [String] = []
        private var open = ""

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            open += String(buffer: unwrapInboundIn(data))
            while let end = open.range(of: "\r\n\r\n") {
                heads.append(String(open[..<end.lowerBound]))
                open = String(open[end.upperBound...])
                answer(context)
            }
        }

        private func answer(_ context: ChannelHandlerContext) {
            var text = "HTTP/1.1 200 OK\r\n"
            if heads.count > 1 {
                let lines = heads.flatMap { $0.split(separator: "\r\n") }
                let body = lines.map { "# \($0)\n" }.joined() + "up 1\n"
                text += "content-type: text/plain; version=0.0.4\r\n"
                text += "content-length: \(body.utf8.count)\r\n\r\n" + body
            } else {
                text += "\r\n"
            }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        }
    }
}
