import Telemetry

/// One request and its response on a client connection, and all that telemetry will say about them.
/// Every connection has one, which is used again for each request; a class, so that handing it around
/// copies nothing. Lives on one event loop.
final class Exchange {
    var parser: RequestParser
    /// The request's head, then text that the proxy made up (its request id).
    var bytes: [UInt8] = []
    var headLength = 0

    var route: RouteRuntime?
    var cluster: ClusterRuntime?
    var endpoint: EndpointRuntime?

    var trace = TraceContext(traceID: .invalid, parentID: .invalid, flags: 0, origin: .new)
    var serverSpan = SpanID.invalid
    /// Of the try that is under way, when tries have spans.
    var attemptSpan = SpanID.invalid
    var traceState = ByteRange.empty
    var requestID = ByteRange.empty
    var generatedRequestID = false
    /// Index in the loop's `PeerTable` of the workload that sent the request; 0 is unknown.
    var sourcePeer: UInt32 = 0
    /// The same of the workload that answered.
    var destinationPeer: UInt32 = 0

    var startWall: Int64 = 0
    var startMonotonic: Int64 = 0
    var attemptStartMonotonic: Int64 = 0
    /// When the response head came; 0 before.
    var firstByteMonotonic: Int64 = 0
    /// Tries begun.
    var attempts = 0
    /// A try has begun and has not been recorded yet.
    var isTryOpen = false

    var status: UInt16 = 0
    var flags: ResponseFlags = []
    var detail: StaticString = "via_upstream"
    var requestBodyBytes: UInt64 = 0
    var responseBodyBytes: UInt64 = 0
    var responseHeadBytes = 0
    var upstreamLocalAddress: [UInt8] = []

    init(limits: HeadLimits) { parser = RequestParser(limits: limits) }

    var head: RequestHead { _read { yield parser.head } }

    /// `error.type` of a try whose response began and was not completed.
    var cutOffError: StaticString? {
        if flags.contains(.upstreamTermination) { return "connection_termination" }
        if flags.contains(.upstreamProtocolError) { return "protocol_error" }
        if flags.contains(.streamIdleTimeout) { return "timeout" }
        if flags.contains(.downstreamTermination) { return "client_disconnect" }
        if flags.contains(.noRoute) { return "no_route" }
        return nil
    }

    func reset() {
        parser.reset()
        bytes.removeAll(keepingCapacity: true)
        headLength = 0
        route = nil
        cluster = nil
        endpoint = nil
        attemptSpan = .invalid
        serverSpan = .invalid
        traceState = .empty
        requestID = .empty
        generatedRequestID = false
        sourcePeer = 0
        destinationPeer = 0
        firstByteMonotonic = 0
        attempts = 0
        isTryOpen = false
        status = 0
        flags = []
        detail = "via_upstream"
        requestBodyBytes = 0
        responseBodyBytes = 0
        responseHeadBytes = 0
        upstreamLocalAddress.removeAll(keepingCapacity: true)
    }

    /// The authority without its port.
    func host(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let authority = bytes[head.authority]
        return UnsafeRawBufferPointer(rebasing: authority[0..<Self.portStart(authority)])
    }

    /// The port that the authority names, or `nil`.
    func port(_ bytes: UnsafeRawBufferPointer) -> UInt16? {
        let authority = bytes[head.authority]
        let start = Self.portStart(authority)
        guard start + 1 < authority.count, authority.count - start <= 6 else { return nil }
        var port: UInt32 = 0
        for offset in (start + 1)..<authority.count {
            guard ByteClass.isDigit(authority[offset]) else { return nil }
            port = port * 10 + UInt32(authority[offset] - UInt8(ascii: "0"))
        }
        return UInt16(exactly: port)
    }

    /// Where `:port` begins; the end if there is none.
    private static func portStart(_ authority: UnsafeRawBufferPointer) -> Int {
        var index = authority.count
        while index > 0 {
            index -= 1
            if authority[index] == UInt8(ascii: ":") { return index }
            if authority[index] == UInt8(ascii: "]") { break }
        }
        return authority.count
    }
}
