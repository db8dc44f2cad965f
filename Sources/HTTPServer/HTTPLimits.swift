/// Every bound of the server, with its reason.
package struct HTTPLimits: Sendable, Hashable {
    /// A body as sent. OTLP batches of collectors are below 4 MiB; 16 leaves room for large batches.
    package var bodyBytesMax = 16 << 20
    /// A body after decompression; stops bombs.
    package var expandedBytesMax = 64 << 20
    /// Bodies of all requests being read or handled, expanded; beyond it requests are refused with 503,
    /// so that slow handlers cannot fill the memory.
    package var bodyBytesInFlightMax = 256 << 20
    /// Bytes of a request's header section.
    package var headerBytesMax = 32 << 10
    /// Open connections of a listener; more wait in the kernel's queue until one closes.
    package var connectionsMax = 1_024
    /// A connection on which no request is in progress, or whose header section is not complete, is
    /// closed after this time.
    package var idleTimeout = Duration.seconds(60)
    /// The time for a whole body to arrive. Whoever goes on sending then, or sends nothing more, is answered
    /// 408.
    package var bodyTimeout = Duration.seconds(60)
    /// What telling the client so may take on a busy machine before the connection is closed without an
    /// answer.
    package var lateAnswerGrace = Duration.seconds(30)
    /// What a client that was answered 408 has to read the answer before the connection is closed.
    package var lateBodyGrace = Duration.seconds(1)
    /// The time for a response to be taken by the client.
    package var responseTimeout = Duration.seconds(300)
    /// A WebSocket is asked so often whether its client is there, and closed if it does not answer from
    /// one time to the next. Below the 60 s after which proxies close what is silent.
    package var socketPingInterval = Duration.seconds(20)
    /// A frame that a WebSocket's client sends; ours have nothing to say but pings and farewells.
    package var socketFrameBytesMax = 16 << 10
    /// Shorter responses are not worth compressing.
    package var compressedResponseBytesMin = 1_024
    /// What is read and dropped of a refused body before the connection is closed, so that the client
    /// sees the answer instead of a reset.
    package var drainedBytesMax = 64 << 20

    package init() {}
}
