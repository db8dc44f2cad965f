import HTTPServer
import NIOCore
import NIOPosix
import Platform
import Store
import Telemetry
import WireFormats

/// A UDP port that takes X-Ray segment documents as the X-Ray daemon does: one a datagram, behind a header
/// line. Nobody is answered; what cannot be stored is counted.
package final class XRayDatagramListener: Sendable {
    /// Of datagrams that wait to be decoded: a burst of some thousand segments.
    private static let waitingBytesMax = 16 << 20
    /// What UDP can carry at most.
    private static let datagramBytesMax = 65_536
    /// Of the kernel's own queue, while this process is busy.
    private static let socketBytes = 4 << 20

    /// The address it listens on, with the real port.
    package let address: ListenAddress
    private let channel: any Channel
    private let queue: DatagramQueue
    private let storing: Task<Void, Never>

    private init(
        address: ListenAddress, channel: any Channel, queue: DatagramQueue,
        storing: Task<Void, Never>
    ) {
        self.address = address
        self.channel = channel
        self.queue = queue
        self.storing = storing
    }

    /// Binds and begins to receive.
    package static func open(
        _ address: ListenAddress, flag: String, ingest: Ingest
    ) async throws(ListenError) -> XRayDatagramListener {
        let queue = DatagramQueue(bytesMax: waitingBytesMax)
        let channel: any Channel
        do {
            channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(
                    .recvAllocator,
                    value: FixedSizeRecvByteBufferAllocator(capacity: datagramBytesMax)
                )
                .channelOption(.socketOption(.so_rcvbuf), value: .init(socketBytes))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            Reception(queue: queue, events: ingest.events))
                    }
                }
                .bind(host: address.host, port: address.port).get()
        } catch {
            throw ListenError(error, address, flag: flag)
        }
        let storing = Task.detached {
            for await _ in queue.arrivals { await store(queue.take(), ingest) }
            await store(queue.take(), ingest)
        }
        let port = channel.localAddress?.port ?? address.port
        return XRayDatagramListener(
            address: ListenAddress(host: address.host, port: port), channel: channel,
            queue: queue, storing: storing)
    }

    /// Receives nothing more, and returns when what was received is stored.
    package func shutdown() async {
        await withCheckedContinuation { continuation in
            channel.close().whenComplete { _ in continuation.resume() }
        }
        queue.end()
        await storing.value
    }

    private static func store(_ datagrams: [[UInt8]], _ ingest: Ingest) async {
        guard !datagrams.isEmpty else { return }
        var decoder = XRayDecoder()
        for datagram in datagrams {
            datagram.withUnsafeBytes { bytes in
                do throws(DecodeError) { try decoder.datagram(bytes) } catch {
                    decoder.reject(error)
                }
            }
        }
        let lost = UInt64(decoder.spanCount)
        do throws(StoreError) {
            _ = try await ingest.store(decoder.finish(), digest: nil, by: .xray)
        } catch {
            ingest.events.emit(
                ItemsRejected(
                    signal: .traces, way: .xray, reason: StoreRefusal(error: error).reason,
                    increment: lost))
        }
    }

    /// Moves datagrams from the socket to the queue.
    private final class Reception: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let queue: DatagramQueue
        private let events: EventLog

        init(queue: DatagramQueue, events: EventLog) {
            self.queue = queue
            self.events = events
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            // A copy, because the buffer it came in has room for the longest.
            if !queue.add(Array(unwrapInboundIn(data).data.readableBytesView)) {
                events.emit(
                    RequestRefused(way: .xray, reason: HTTPError.Reason.overloaded.rawValue))
            }
        }

        /// An error that concerns one datagram (a peer that is gone) must not close the port.
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            events.emit(RequestRefused(way: .xray, reason: HTTPError.Reason.failed.rawValue))
        }
    }
}
