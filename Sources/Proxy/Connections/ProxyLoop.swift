import NIOCore
import OTLPExport
import Platform
import Telemetry

/// What one event loop owns: its connections, pools, random numbers and the telemetry of its requests.
/// Nothing here is shared with another loop, so nothing takes a lock; telemetry leaves in whole batches.
final class ProxyLoop {
    /// How much of a connection's input may wait for its turn.
    static let bufferedBytesMax = 65_536
    /// How long the last response may take to be read before the connection is closed on the client.
    static let lingerNanoseconds: Int64 = 1_000_000_000
    /// While requests are under way. Timeouts are late by up to this.
    private static let busyTick = TimeAmount.milliseconds(20)
    private static let restTick = TimeAmount.seconds(1)
    private static let handOverNanoseconds: Int64 = 200_000_000
    private static let handOverItems = 1_024
    private static let handOverLineBytes = 262_144

    let eventLoop: any EventLoop
    let table: RoutingTable
    let limits: ProxyConfiguration.Limits
    let clock: any Clock
    let peerLine: [UInt8]
    let emptyBuffer: ByteBuffer
    private(set) var pools: [EndpointPool] = []
    private(set) var clients: [ClientConnection] = []
    var random: FastRandom
    var peers = PeerTable()
    private(set) var metrics = RequestMetrics()
    private(set) var coarseNow: Int64
    private(set) var isDraining = false
    private(set) var isClosed = false
    private(set) var activeExchanges = 0
    private(set) var finishedExchanges: UInt64 = 0

    private var cursors: [Int]
    private var scratch: ByteBuffer
    private var activeRetries = 0
    private var isTicking = false
    private var isTickSlow = false
    private var tickGeneration = 0
    private var lastHandOver: Int64 = 0
    private let sampledBelow: UInt64
    private let samplesAll: Bool
    private var spans: SpanBuffer
    private var records: LogBuffer
    private var lines: [UInt8] = []
    private var lineCount = 0
    private var startTimes = StartTimeText()
    private let exporter: OTLPExporter?
    private let exportsRecords: Bool
    private let accessLog: AccessLogWriter?

    init(
        eventLoop: any EventLoop, table: RoutingTable, configuration: ProxyConfiguration,
        environment: ProxyServer.Environment, exporter: OTLPExporter?, accessLog: AccessLogWriter?
    ) {
        self.eventLoop = eventLoop
        self.table = table
        limits = configuration.limits
        clock = environment.clock
        random = FastRandom(seededBy: environment.random)
        coarseNow = environment.clock.monotonicNanoseconds
        cursors = Array(repeating: 0, count: table.clusters.count)
        let allocator = ByteBufferAllocator()
        emptyBuffer = allocator.buffer(capacity: 0)
        scratch = allocator.buffer(capacity: 4_096)
        peerLine = ProxyLoop.peerLine(configuration.workload)
        samplesAll = configuration.telemetry.sampling >= 1
        sampledBelow =
            samplesAll ? .max : UInt64(max(0, configuration.telemetry.sampling) * 0x1p64)
        let resource = ProxyTelemetry.resource(configuration.workload)
        spans = SpanBuffer(resource: resource, scope: ProxyTelemetry.scope)
        records = LogBuffer(resource: resource, scope: ProxyTelemetry.scope)
        self.exporter = exporter
        self.accessLog = accessLog
        exportsRecords = exporter != nil && configuration.telemetry.exportsAccessLog
        for cluster in table.clusters {
            for endpoint in cluster.endpoints {
                pools.append(EndpointPool(endpoint, cluster: cluster, loop: self))
            }
        }
    }

    private static func peerLine(_ workload: ProxyConfiguration.Workload) -> [UInt8] {
        let parts = [workload.name, workload.version, workload.namespace]
        return Array("x-sidelight-peer: \(parts.joined(separator: "/"))\r\n".utf8)
    }

    // MARK: Connections

    func register(_ client: ClientConnection) {
        guard clients.count < limits.clientConnectionsMax, !isDraining else {
            return client.close()
        }
        client.registryIndex = clients.count
        clients.append(client)
        keepTicking()
    }

    func unregister(_ client: ClientConnection) {
        let index = client.registryIndex
        guard index >= 0 else { return }
        client.registryIndex = -1
        let last = clients.removeLast()
        guard last !== client else { return }
        clients[index] = last
        last.registryIndex = index
    }

    /// Round robin.
    func nextEndpoint(of cluster: ClusterRuntime) -> EndpointRuntime {
        let cursor = cursors[cluster.index]
        let endpoints = cluster.endpoints
        cursors[cluster.index] = cursor + 1 >= endpoints.count ? 0 : cursor + 1
        return endpoints[cursor]
    }

    /// A buffer to build a message in; empty. It is the same memory again when nobody holds it.
    func takeScratch() -> ByteBuffer {
        var buffer = scratch
        scratch = emptyBuffer
        buffer.clear(minimumCapacity: 2_048)
        return buffer
    }

    func returnScratch(_ buffer: ByteBuffer) { scratch = buffer }

    // MARK: Exchanges

    func exchangeBegan() {
        activeExchanges += 1
        if isTickSlow || !isTicking { keepTicking() }
    }

    /// Envoy's default retry budget: a fifth of the requests under way, at least three
    /// (envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget).
    var mayRetry: Bool { activeRetries < max(3, activeExchanges / 5) }

    func retryBegan() { activeRetries += 1 }
    func retryEnded() { activeRetries -= 1 }

    /// Finds or makes the trace, the span, the request id and the peer of a request.
    func identify(_ exchange: Exchange, isInbound: Bool) {
        let block = exchange.head.block
        exchange.bytes.withUnsafeBytes { bytes in
            if let context = TraceContext.extract(block, bytes) {
                exchange.trace = context
                if context.origin == .w3c, let state = block.value(.tracestate) {
                    exchange.traceState = state
                }
            } else {
                exchange.trace = newTrace(refused: Self.refusesSampling(block, bytes))
            }
            if let id = block.value(.requestID), (1...128).contains(id.count) {
                exchange.requestID = id
            }
            if isInbound, let peer = block.value(.peer) {
                exchange.sourcePeer = peers.index(of: bytes[peer])
            }
        }
        if exchange.requestID.isEmpty { generateRequestID(exchange) }
        if isInbound { exchange.serverSpan = SpanID(random.nextNonZero()) }
    }

    private func newTrace(refused: Bool) -> TraceContext {
        let id = TraceID(high: random.nextNonZero(), low: random.nextNonZero())
        let sampled = !refused && (samplesAll || id.low < sampledBelow)
        return TraceContext(
            traceID: id, parentID: .invalid, flags: sampled ? TraceContext.sampledFlag : 0,
            origin: .new)
    }

    /// A lone B3 decision: `b3: 0`, or `X-B3-Sampled: 0` without ids.
    private static func refusesSampling(
        _ block: FieldBlock, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        if let value = block.value(.b3) { return bytes[value].equals("0") }
        if let value = block.value(.b3Sampled) { return bytes[value].equals("0") }
        return false
    }

    /// A random UUID (RFC 9562 §5.4), as Envoy makes them.
    private func generateRequestID(_ exchange: Exchange) {
        let start = exchange.bytes.count
        let high = random.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { digits in
            HexText.write(high, to: UnsafeMutableRawBufferPointer(rebasing: digits[0..<16]))
            HexText.write(low, to: UnsafeMutableRawBufferPointer(rebasing: digits[16..<32]))
            for (index, digit) in digits.enumerated() {
                if index == 8 || index == 12 || index == 16 || index == 20 {
                    exchange.bytes.append(UInt8(ascii: "-"))
                }
                exchange.bytes.append(digit)
            }
        }
        exchange.requestID = ByteRange(start, exchange.bytes.count)
        exchange.generatedRequestID = true
    }

    // MARK: Telemetry

    /// Records the try that has just ended, if there is one.
    /// - Parameter status: 0 when no response came.
    func recordTry(_ client: ClientConnection, status: UInt16, error: StaticString?) {
        let exchange = client.exchange
        guard exchange.isTryOpen else { return }
        exchange.isTryOpen = false
        guard client.tracesTries, exporter != nil, exchange.trace.isSampled else { return }
        let parent = client.listener.isInbound ? exchange.serverSpan : exchange.trace.parentID
        spans.appendTry(
            exchange, parent: parent, status: status, error: error,
            end: clock.monotonicNanoseconds)
    }

    /// Records the exchange that has just ended.
    func finish(_ client: ClientConnection) {
        let exchange = client.exchange
        let isInbound = client.listener.isInbound
        let end = clock.monotonicNanoseconds
        coarseNow = end
        activeExchanges -= 1
        finishedExchanges += 1
        if !isInbound, exchange.attempts == 0 {
            // Never sent anywhere; a span all the same, so that the log line finds one.
            exchange.isTryOpen = true
            exchange.attemptSpan = SpanID(random.nextNonZero())
            exchange.attemptStartMonotonic = exchange.startMonotonic
        }
        recordTry(client, status: exchange.status, error: exchange.cutOffError)
        if isInbound, exporter != nil, exchange.trace.isSampled {
            spans.appendServer(exchange, client, end: end)
        }
        count(exchange, listener: client.listener, end: end)
        log(exchange, client, span: isInbound ? exchange.serverSpan : exchange.attemptSpan, end)
        if spans.count >= Self.handOverItems || records.count >= Self.handOverItems
            || lines.count >= Self.handOverLineBytes
        {
            handOver()
        }
    }

    private func count(_ exchange: Exchange, listener: ListenerRuntime, end: Int64) {
        let key = RequestMetrics.Key(
            listener: UInt16(clamping: listener.index),
            cluster: exchange.cluster.map { UInt16(clamping: $0.index) } ?? .max,
            sourcePeer: exchange.sourcePeer,
            destinationPeer: listener.isInbound ? 0 : exchange.destinationPeer,
            status: exchange.status, flags: exchange.flags.rawValue)
        metrics.record(
            key, milliseconds: Double(end &- exchange.startMonotonic) / 1e6,
            requestBytes: UInt64(exchange.headLength) + exchange.requestBodyBytes,
            responseBytes: UInt64(exchange.responseHeadBytes) + exchange.responseBodyBytes)
    }

    private func log(
        _ exchange: Exchange, _ client: ClientConnection, span: SpanID, _ end: Int64
    ) {
        guard accessLog != nil || exportsRecords else { return }
        let fields = AccessFields(
            exchange: exchange, client: client, end: end,
            startTime: startTimes.text(exchange.startWall))
        if accessLog != nil {
            let former = lines
            lines = []
            var line = JSONLine(appendingTo: former)
            fields.write(to: &line)
            line.finish(exchange.trace.traceID, span)
            lines = line.bytes
            lineCount += 1
        }
        if exportsRecords { records.append(fields, span: span) }
    }

    /// Hands everything gathered so far to the writers.
    func handOver() {
        lastHandOver = coarseNow
        if spans.count > 0 { exporter?.submit(spans.take()) }
        if records.count > 0 { exporter?.submit(records.take()) }
        if lineCount > 0 {
            accessLog?.append(lines, lines: lineCount)
            lines = []
            lineCount = 0
        }
    }

    // MARK: Time

    /// Sees to it that a tick comes soon.
    func keepTicking() {
        guard !isTicking || isTickSlow && activeExchanges > 0 else { return }
        if !isTicking { coarseNow = clock.monotonicNanoseconds }
        schedule(slow: activeExchanges == 0)
    }

    private func schedule(slow: Bool) {
        isTicking = true
        isTickSlow = slow
        tickGeneration += 1
        let generation = tickGeneration
        eventLoop.assumeIsolated().scheduleTask(in: slow ? Self.restTick : Self.busyTick) {
            guard generation == self.tickGeneration else { return }
            self.tick()
        }
    }

    private func tick() {
        isTicking = false
        coarseNow = clock.monotonicNanoseconds
        var index = clients.count
        // From the end, because a client that goes moves the last one into its place.
        while index > 0 {
            index -= 1
            if index < clients.count { clients[index].tick(coarseNow) }
        }
        var idle = 0
        for pool in pools {
            pool.closeIdle(olderThan: coarseNow &- pool.cluster.idleNanoseconds)
            idle += pool.idleCount
        }
        let hasTelemetry = spans.count > 0 || records.count > 0 || lineCount > 0
        if hasTelemetry, coarseNow &- lastHandOver >= Self.handOverNanoseconds { handOver() }
        guard !isClosed, !isTicking else { return }
        let isBusy = activeExchanges > 0 || hasTelemetry || isDraining
        if isBusy || !clients.isEmpty || idle > 0 { schedule(slow: !isBusy) }
    }

    // MARK: Life cycle

    /// No connection is accepted or kept any longer; requests under way go on.
    func drain() {
        isDraining = true
        for client in clients { client.closeIfIdle() }
        for pool in pools { pool.closeIdle(olderThan: .max) }
        keepTicking()
    }

    /// Closes what is left.
    func close() {
        isClosed = true
        for client in clients { client.close() }
        for pool in pools { pool.closeIdle(olderThan: .max) }
        handOver()
    }
}
