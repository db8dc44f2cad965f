import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// Reads what another server says over a WebSocket, without TLS.
package struct WebSocketClient: Sendable {
    package enum Failure: Error, Sendable, CustomStringConvertible {
        /// The server answered in HTTP.
        case refused(status: Int, body: String)
        /// The server said farewell, with more than that all is said.
        case closed(code: UInt16, reason: String)
        /// The connection ended without a farewell, or never was.
        case connection(String)

        package var description: String {
            switch self {
            case .refused(let status, let body):
                "the server answers \(status): \(body.split(separator: "\n").first ?? "")"
            case .closed(let code, let reason): "the server closed the stream (\(code)): \(reason)"
            case .connection(let reason): reason
            }
        }
    }

    private typealias Frames = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>
    private typealias Answer = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    private enum Opened: Sendable {
        case socket(Frames)
        case refused(Answer)
    }

    /// A message of ours has 1,000 lines at most, of up to 1 MiB each; few are that long.
    private static let frameBytesMax = 256 << 20

    private let host: String
    private let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Hands every text message of `path` to `take` until it returns false, the server says that all is
    /// said, or the task is cancelled.
    /// - Parameter opened: called once the server has agreed.
    package func read(
        _ path: String, headers: [(name: String, value: String)] = [],
        opened isOpen: () -> Void = {},
        _ take: (_ message: [UInt8]) async throws -> Bool
    ) async throws {
        let opened: Opened
        do { opened = try await open(path, headers) } catch {
            throw Failure.connection("cannot reach \(host):\(port): \(error)")
        }
        switch opened {
        case .refused(let channel): throw try await Self.refusal(channel)
        case .socket(let channel):
            isOpen()
            try await channel.executeThenClose { inbound, outbound in
                for try await frame in inbound {
                    switch frame.opcode {
                    case .text:
                        guard try await take(Array(frame.data.readableBytesView)) else {
                            return try await outbound.write(Self.farewell)
                        }
                    case .ping:
                        try await outbound.write(
                            WebSocketFrame(
                                fin: true, opcode: .pong, maskKey: .random(),
                                data: frame.unmaskedData))
                    case .connectionClose: return try Self.ended(frame.data)
                    default: break
                    }
                }
                guard !Task.isCancelled else { return }
                throw Failure.connection("the server closed the connection")
            }
        }
    }

    private static var farewell: WebSocketFrame {
        WebSocketFrame(
            fin: true, opcode: .connectionClose, maskKey: .random(),
            data: ByteBuffer(integer: WebSocket.Farewell.done.rawValue))
    }

    private static func ended(_ data: ByteBuffer) throws(Failure) {
        var data = data
        let code = data.readInteger(as: UInt16.self) ?? WebSocket.Farewell.done.rawValue
        guard code != WebSocket.Farewell.done.rawValue else { return }
        throw .closed(code: code, reason: String(buffer: data))
    }

    private static func refusal(_ channel: Answer) async throws -> Failure {
        try await channel.executeThenClose { inbound, _ in
            var status = 0
            var body = ByteBuffer()
            for try await part in inbound {
                switch part {
                case .head(let head): status = Int(head.status.code)
                case .body(var bytes): body.writeBuffer(&bytes)
                case .end: return .refused(status: status, body: String(buffer: body))
                }
                // An error is short.
                guard body.readableBytes < 1 << 20 else { break }
            }
            return .refused(status: status, body: String(buffer: body))
        }
    }

    private func open(
        _ path: String, _ headers: [(name: String, value: String)]
    ) async throws -> Opened {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path)
        head.headers.add(name: "host", value: "\(host):\(port)")
        head.headers.add(name: "content-length", value: "0")
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        let request = head
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    var configuration = NIOUpgradableHTTPClientPipelineConfiguration(
                        upgradeConfiguration: Self.upgrade(request))
                    // The first message may come right behind the answer.
                    configuration.leftOverBytesStrategy = .forwardBytes
                    return try channel.pipeline.syncOperations
                        .configureUpgradableHTTPClientPipeline(configuration: configuration)
                }
            }.get()
    }

    private static func upgrade(
        _ head: HTTPRequestHead
    ) -> NIOTypedHTTPClientUpgradeConfiguration<Opened> {
        let upgrader = NIOTypedWebSocketClientUpgrader<Opened>(maxFrameSize: frameBytesMax) {
            channel, _ in
            channel.eventLoop.makeCompletedFuture {
                .socket(try Frames(wrappingChannelSynchronously: channel))
            }
        }
        return NIOTypedHTTPClientUpgradeConfiguration(
            upgradeRequestHead: head, upgraders: [upgrader]
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                .refused(try Answer(wrappingChannelSynchronously: channel))
            }
        }
    }
}
