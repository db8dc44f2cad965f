import NIOCore
import Synchronization

/// The connections on which a request is being read or answered, so that a shutdown can end them, and so
/// that work for clients that have gone away can be stopped.
final class OpenExchanges: Sendable {
    private struct Exchange {
        var channel: any Channel
        var onClientGone: (@Sendable () -> Void)?
        var isClientGone = false
    }

    private let exchanges = Mutex<[ObjectIdentifier: Exchange]>([:])

    func begin(_ channel: any Channel) {
        exchanges.withLock { $0[ObjectIdentifier(channel)] = Exchange(channel: channel) }
    }

    func end(_ channel: any Channel) {
        exchanges.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    /// Runs `work` in a task that is cancelled when the client of the channel's exchange goes away.
    /// - Parameter executor: where it runs; `nil` for Swift's own threads.
    func run<Value: Sendable>(
        on channel: any Channel, _ executor: (any TaskExecutor)?,
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let task = Task(executorPreference: executor) { try await work() }
        watch(channel) { task.cancel() }
        defer { watch(channel, nil) }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private func watch(_ channel: any Channel, _ action: (@Sendable () -> Void)?) {
        let isGone = exchanges.withLock { exchanges in
            exchanges[ObjectIdentifier(channel)]?.onClientGone = action
            return exchanges[ObjectIdentifier(channel)]?.isClientGone ?? false
        }
        if isGone { action?() }
    }

    /// The client closed its side of the connection: it waits for no answer any more.
    func clientHasGone(_ channel: any Channel) {
        let action = exchanges.withLock { exchanges in
            exchanges[ObjectIdentifier(channel)]?.isClientGone = true
            return exchanges[ObjectIdentifier(channel)]?.onClientGone
        }
        action?()
    }

    /// - Returns: how many there were.
    func closeAll() -> Int {
        let open = exchanges.withLock { $0.values.map(\.channel) }
        for channel in open { channel.close(promise: nil) }
        return open.count
    }
}

/// Tells when the client of a connection closes its side of it.
final class ClientWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    private let exchanges: OpenExchanges

    init(_ exchanges: OpenExchanges) { self.exchanges = exchanges }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { exchanges.clientHasGone(context.channel) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        exchanges.clientHasGone(context.channel)
        context.fireChannelInactive()
    }
}
