import NIOCore

/// Decides about a request for a WebSocket: what is said over it, or why there will be none (`HTTPError`).
/// It holds nothing that must be given back: the answer may not come to be used.
package typealias WebSocketOpening =
    @Sendable (HTTPRequest) async throws -> WebSocketConversation

/// What is said over an open WebSocket. The socket is closed when it returns; it is cancelled when the
/// socket closes.
package typealias WebSocketConversation = @Sendable (WebSocket) async -> Void

/// The server's end of a WebSocket (RFC 6455). Pings and farewells are answered by themselves; messages
/// from the client are read and dropped.
package final class WebSocket: Sendable {
    /// Why a message was not sent.
    package struct Closed: Error, Sendable {}

    /// Status codes of farewells (RFC 6455 §7.4.1).
    package enum Farewell: UInt16, Sendable {
        case done = 1_000
        case goingAway = 1_001
        case protocolError = 1_002
        case unexpected = 1_011
        case tryAgainLater = 1_013
    }

    private let handler: NIOLoopBound<WebSocketHandler>
    private let loop: any EventLoop

    init(_ handler: WebSocketHandler, on loop: any EventLoop) {
        self.handler = NIOLoopBound(handler, eventLoop: loop)
        self.loop = loop
    }

    /// Sends a text message, UTF-8. Returns when the system has taken it: a client that reads slowly makes
    /// its caller wait.
    package func send(text: [UInt8]) async throws(Closed) {
        let promise = loop.makePromise(of: Void.self)
        loop.execute { [handler] in handler.value.send(text: text, promise) }
        do { try await promise.futureResult.get() } catch { throw Closed() }
    }

    /// Says farewell and closes the connection.
    package func close(_ farewell: Farewell, reason: String = "") {
        loop.execute { [handler] in handler.value.close(farewell, reason: reason) }
    }
}
