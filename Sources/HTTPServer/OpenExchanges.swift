import NIOCore
import Synchronization

/// The connections on which a request is being read or answered, so that a shutdown can end them.
final class OpenExchanges: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    func begin(_ channel: any Channel) {
        channels.withLock { $0[ObjectIdentifier(channel)] = channel }
    }

    func end(_ channel: any Channel) {
        channels.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    /// - Returns: how many there were.
    func closeAll() -> Int {
        let open = channels.withLock { $0.values.map { $0 } }
        for channel in open { channel.close(promise: nil) }
        return open.count
    }
}
