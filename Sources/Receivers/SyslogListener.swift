import HTTPServer
import Logging
import NIOCore
import NIOPosix
import Platform
import Store
import Synchronization
import Telemetry
import WireFormats

/// Receives syslog on one port, over UDP and TCP.
///
/// Datagrams are collected while the store is busy, up to a bound beyond which they are counted and
/// dropped, as nobody can be told to wait; a TCP connection is not read while its messages are stored.
package final class SyslogListener: Sendable {
    /// Messages beyond this are passed over and counted.
    static let messageBytesMax = LogLines.lineBytesMax
    /// Each costs a few kilobytes; daemons keep one open.
    private static let connectionsMax = 1_024

    /// With the real port.
    package let address: ListenAddress
    private let running: Task<Void, Never>

    private typealias Connection = NIOAsyncChannel<ByteBuffer, Never>

    private init(address: ListenAddress, running: Task<Void, Never>) {
        self.address = address
        self.running = running
    }

    /// Binds both and begins to receive.
    package static func open(
        _ address: ListenAddress, flag: String, ingest: Ingest
    ) async throws(ListenError) -> SyslogListener {
        let intake = DatagramIntake(events: ingest.events)
        // A free port of TCP may be taken in UDP: the system is asked for another one.
        var attempts = address.port == 0 ? 10 : 1
        while true {
            attempts -= 1
            let server: NIOAsyncChannel<Connection, Never>
            do { server = try await bindStream(address) } catch {
                throw ListenError(error, address, flag: flag)
            }
            let port = server.channel.localAddress?.port ?? address.port
            do {
                let datagrams = try await bindDatagram(address.host, port, intake)
                return start(
                    ListenAddress(host: address.host, port: port), server, datagrams, intake,
                    SyslogIntake(ingest: ingest))
            } catch {
                do { try await server.channel.close() } catch {
                    ingest.events.logger.debug("closing a port that is not used: \(error)")
                }
                if attempts == 0 { throw ListenError(error, address, flag: flag) }
            }
        }
    }

    /// The same over TLS alone (RFC 5425), which needs no datagrams. A connection that does not get so far is
    /// counted as refused by `tls_handshake`.
    package static func open(
        _ address: ListenAddress, flag: String, tls: SyslogTLS, ingest: Ingest
    ) async throws(ListenError) -> SyslogListener {
        let server: NIOAsyncChannel<Connection, Never>
        do { server = try await bindStream(address, tls) } catch {
            throw ListenError(error, address, flag: flag)
        }
        let sink = SyslogIntake(ingest: ingest)
        return SyslogListener(
            address: ListenAddress(
                host: address.host, port: server.channel.localAddress?.port ?? address.port),
            running: Task.detached { await serve(server, sink) })
    }

    /// Stops receiving; what has been received is stored.
    package func shutdown() async {
        running.cancel()
        await running.value
    }

    private static func bindStream(
        _ address: ListenAddress, _ tls: SyslogTLS? = nil
    ) async throws -> NIOAsyncChannel<Connection, Never> {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try tls?.add(to: channel)
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
    }

    private static func bindDatagram(
        _ host: String, _ port: Int, _ intake: DatagramIntake
    ) async throws -> any Channel {
        try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536)
            )
            .channelOption(.socketOption(.so_rcvbuf), value: 4 << 20)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramHandler(intake: intake))
                }
            }
            .bind(host: host, port: port).get()
    }

    private static func start(
        _ address: ListenAddress, _ server: NIOAsyncChannel<Connection, Never>,
        _ datagrams: any Channel, _ intake: DatagramIntake, _ sink: SyslogIntake
    ) -> SyslogListener {
        let running = Task.detached {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await serve(server, sink) }
                group.addTask { await drain(intake, sink) }
                await withTaskCancellationHandler {
                    await group.next()
                } onCancel: {
                    datagrams.close(promise: nil)
                    intake.end()
                }
                group.cancelAll()
            }
        }
        return SyslogListener(address: address, running: running)
    }

    // MARK: Datagrams

    private static func drain(_ intake: DatagramIntake, _ sink: SyslogIntake) async {
        for await _ in intake.filled {
            await store(intake.take(), sink)
        }
        await store(intake.take(), sink)
    }

    private static func store(_ messages: DatagramIntake.Messages, _ sink: SyslogIntake) async {
        guard !messages.ends.isEmpty else { return }
        var ranges: [SyslogFramer.Frame] = []
        var start = 0
        for end in messages.ends {
            ranges.append(.message(start..<end))
            start = end
        }
        await sink.store(messages.bytes, ranges)
    }

    // MARK: Connections

    private static func serve(
        _ server: NIOAsyncChannel<Connection, Never>, _ sink: SyslogIntake
    ) async {
        let open = ConnectionCount()
        do {
            try await withThrowingDiscardingTaskGroup { group in
                try await server.executeThenClose { connections in
                    for try await connection in connections {
                        let isTooMany = open.enter() > connectionsMax
                        group.addTask {
                            await receive(connection, sink, isRefused: isTooMany)
                            open.leave()
                        }
                    }
                }
            }
        } catch {
            // Cancelled, or the port is gone: either way nothing more comes.
            sink.ended(error)
        }
    }

    private static func receive(
        _ connection: Connection, _ sink: SyslogIntake, isRefused: Bool
    ) async {
        do {
            try await connection.executeThenClose { inbound in
                guard !isRefused else { return sink.refused(.overloaded) }
                var framer = SyslogFramer(messageBytesMax: messageBytesMax)
                for try await bytes in inbound {
                    framer.append(bytes.readableBytesView)
                    await store(&framer, sink) { $0.next() }
                }
                await store(&framer, sink) { $0.rest() }
            }
        } catch {
            sink.ended(error)
        }
    }

    private static func store(
        _ framer: inout SyslogFramer, _ sink: SyslogIntake,
        _ next: (inout SyslogFramer) -> SyslogFramer.Frame?
    ) async {
        var frames: [SyslogFramer.Frame] = []
        while let frame = next(&framer) { frames.append(frame) }
        guard !frames.isEmpty else { return }
        await sink.store(framer.bytes, frames)
    }
}

/// Decodes and stores messages.
struct SyslogIntake: Sendable {
    let ingest: Ingest

    func store(_ bytes: [UInt8], _ frames: [SyslogFramer.Frame]) async {
        do {
            let decoded = try decode(bytes, frames)
            _ = await ingest.storeWaiting(decoded, by: .syslog)
        } catch {
            refused(.badRequest)
        }
    }

    private func decode(
        _ bytes: [UInt8], _ frames: [SyslogFramer.Frame]
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try bytes.decoded { (all) throws(DecodeError) in
            var decoder = SyslogDecoder(
                bodyBytes: all.count, options: ingest.lineOptions, receivedAt: ingest.now)
            for frame in frames {
                switch frame {
                case .message(let range):
                    try decoder.message(UnsafeRawBufferPointer(rebasing: all[range]))
                case .oversized(let count): decoder.reject(bytes: count)
                }
            }
            return decoder.finish()
        }
    }

    func refused(_ reason: HTTPError.Reason) {
        ingest.events.emit(RequestRefused(way: .syslog, reason: reason.rawValue))
    }

    func ended(_ error: any Error) {
        if SyslogTLS.isFailedHandshake(error) {
            ingest.events.emit(RequestRefused(way: .syslog, reason: "tls_handshake"))
        }
        ingest.events.logger.debug("syslog: a connection ended: \(error)")
    }
}

private final class ConnectionCount: Sendable {
    private let open = Atomic(0)

    func enter() -> Int { open.wrappingAdd(1, ordering: .relaxed).newValue }
    func leave() { open.wrappingSubtract(1, ordering: .relaxed) }
}

/// Datagrams between the event loop and the store.
final class DatagramIntake: Sendable {
    struct Messages: Sendable {
        var bytes: [UInt8] = []
        /// Where each message ends in `bytes`.
        var ends: [Int] = []
    }

    /// About a second of what one loop can receive; beyond it datagrams are dropped and counted.
    private static let bytesMax = 16 << 20

    /// Yields when there is something to take.
    let filled: AsyncStream<Void>
    private let filling: AsyncStream<Void>.Continuation
    private let messages = Mutex(Messages())
    private let events: EventLog

    init(events: EventLog) {
        self.events = events
        (filled, filling) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ datagram: ByteBuffer) {
        let isTaken = messages.withLock { messages in
            guard messages.bytes.count + datagram.readableBytes <= Self.bytesMax else {
                return false
            }
            messages.bytes.append(contentsOf: datagram.readableBytesView)
            messages.ends.append(messages.bytes.count)
            return true
        }
        if isTaken {
            filling.yield()
        } else {
            events.emit(
                ItemsRejected(
                    signal: .logs, way: .syslog, reason: HTTPError.Reason.overloaded.rawValue,
                    increment: 1))
        }
    }

    func take() -> Messages {
        messages.withLock { messages in
            defer { messages = Messages() }
            return messages
        }
    }

    func end() { filling.finish() }
}

/// Hands datagrams to the intake.
private final class DatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let intake: DatagramIntake

    init(intake: DatagramIntake) { self.intake = intake }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        intake.add(unwrapInboundIn(data).data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // One datagram that could not be read; the others come as before.
    }
}
