import Glibc
import HTTPServer
import Logging
import NIOCore
import NIOPosix
import Platform
import Store
import Synchronization
import Telemetry
import WireFormats

/// StatsD and DogStatsD over UDP. Datagrams are taken up by an event loop and worked through elsewhere;
/// what adds up is stored at every flush.
package final class StatsDListener: Sendable {
    /// Bytes of datagrams that wait; further ones are dropped and counted.
    private static let waitingBytesMax = 16 << 20
    /// Milliseconds between looks at what has come.
    private static let turn: Int64 = 200
    /// Milliseconds, as StatsD's own server flushes.
    package static let flushInterval: Int64 = 10_000

    package let address: ListenAddress
    private let channel: any Channel
    private let inbox: Inbox
    private let ingest: Ingest
    private let working: Mutex<Task<Void, Never>?> = Mutex(nil)

    private init(
        address: ListenAddress, channel: any Channel, inbox: Inbox, ingest: Ingest
    ) {
        self.address = address
        self.channel = channel
        self.inbox = inbox
        self.ingest = ingest
    }

    /// Binds and begins to receive.
    package static func open(
        _ address: ListenAddress, flag: String, ingest: Ingest,
        flushInterval: Int64 = StatsDListener.flushInterval
    ) async throws(ListenError) -> StatsDListener {
        let inbox = Inbox(bytesMax: waitingBytesMax, events: ingest.events)
        let channel: any Channel
        do {
            channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(
                    .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536)
                )
                .channelOption(.socketOption(.so_rcvbuf), value: 4 << 20)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Receiver(inbox: inbox))
                    }
                }
                .bind(host: address.host, port: address.port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw .taken(address, flag: flag)
        } catch {
            throw .failed(address, flag: flag, reason: "\(error)")
        }
        let port = channel.localAddress?.port ?? address.port
        let listener = StatsDListener(
            address: ListenAddress(host: address.host, port: port), channel: channel,
            inbox: inbox, ingest: ingest)
        let task = Task.detached { await listener.work(flushInterval) }
        listener.working.withLock { $0 = task }
        return listener
    }

    /// Stops receiving and stores what has come.
    package func shutdown() async {
        do {
            try await channel.close()
        } catch {
            ingest.events.logger.debug("the StatsD port was closed before: \(error)")
        }
        let task = working.withLock { $0 }
        task?.cancel()
        await task?.value
    }

    private func work(_ flushInterval: Int64) async {
        var series = StatsDSeries(at: ingest.now.milliseconds)
        var due = ingest.now.milliseconds + flushInterval
        while await pause() {
            let now = ingest.now.milliseconds
            take(into: &series, now)
            guard now >= due else { continue }
            await flush(&series, now)
            due = now + flushInterval
        }
        let now = ingest.now.milliseconds
        take(into: &series, now)
        await flush(&series, now)
    }

    private func take(into series: inout StatsDSeries, _ now: Int64) {
        let waiting = inbox.take()
        guard !waiting.isEmpty else { return }
        waiting.withUnsafeBytes { series.add($0, at: now) }
    }

    private func flush(_ series: inout StatsDSeries, _ now: Int64) async {
        for (reason, count) in series.refused {
            ingest.events.emit(
                ItemsRejected(
                    signal: .metrics, way: .statsD, reason: reason, increment: UInt64(count)))
        }
        let batch = series.flush(at: now)
        guard !batch.isEmpty else { return }
        do throws(StoreError) {
            _ = try await ingest.store(Decoded(batch: batch), digest: nil, by: .statsD)
        } catch {
            // Totals go on: the next flush tells what this one could not.
            ingest.events.emit(StatsDFlushFailed(reason: "\(error)"))
        }
    }

    /// - Returns: false when cancelled.
    private func pause() async -> Bool {
        do {
            try await Task.sleep(for: .milliseconds(Self.turn))
            return true
        } catch {
            return false
        }
    }

    /// Datagrams that wait, each ended by a line feed.
    private final class Inbox: Sendable {
        private let waiting = Mutex<[UInt8]>([])
        private let bytesMax: Int
        private let events: EventLog

        init(bytesMax: Int, events: EventLog) {
            self.bytesMax = bytesMax
            self.events = events
        }

        func put(_ datagram: ByteBuffer) {
            let isTaken = waiting.withLock { waiting in
                guard waiting.count + datagram.readableBytes < bytesMax else { return false }
                waiting.append(contentsOf: datagram.readableBytesView)
                waiting.append(UInt8(ascii: "\n"))
                return true
            }
            if !isTaken { events.emit(DatagramDropped()) }
        }

        func take() -> [UInt8] {
            waiting.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
        }
    }

    private final class Receiver: ChannelInboundHandler, Sendable {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let inbox: Inbox

        init(inbox: Inbox) { self.inbox = inbox }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            inbox.put(unwrapInboundIn(data).data)
        }

        /// Errors of single datagrams (ICMP) say nothing about the port.
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.fireErrorCaught(error)
        }
    }
}

/// More datagrams came than could be worked through.
struct DatagramDropped: InternalEvent {
    static let counter = "sidelight_statsd_dropped_datagrams_total"
    static let help = "StatsD datagrams dropped because too many were waiting."
}

/// A flush could not be stored.
struct StatsDFlushFailed: InternalEvent {
    static let counter = "sidelight_statsd_failed_flushes_total"
    static let help = "Flushes of StatsD series that could not be stored; totals go on."

    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "cannot store StatsD series: \(reason)" }
}
