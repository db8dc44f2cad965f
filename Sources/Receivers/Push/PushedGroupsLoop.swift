import Logging
import Platform
import Store
import Synchronization
import Telemetry
import WireFormats

/// The pushed groups, shared by who takes pushes and who tells them on.
package final class PushedGroupsBoard: Sendable {
    private let groups = Mutex(PushedGroups())

    package init() {}

    func push(
        _ batch: MetricBatch, to key: Labels, _ replacing: PushedGroups.Replacing, at time: Int64
    ) -> MetricBatch? {
        groups.withLock { $0.push(batch, to: key, replacing, at: time) }
    }

    func fail(_ key: Labels, at time: Int64) -> MetricBatch {
        groups.withLock { $0.fail(key, at: time) }
    }

    func delete(_ key: Labels, at time: Int64) -> MetricBatch {
        groups.withLock { $0.delete(key, at: time) }
    }

    func samples(at time: Int64) -> MetricBatch { groups.withLock { $0.samples(at: time) } }
}

/// Stores what the pushed groups hold again and again, until it is stopped. Groups live in memory: after a
/// restart they are there again with the next push.
package final class PushedGroupsLoop: Sendable {
    /// Milliseconds; a query looks back five minutes.
    package static let interval: Int64 = 30_000

    private let task: Task<Void, Never>

    package init(
        _ groups: PushedGroupsBoard, _ ingest: Ingest, interval: Int64 = PushedGroupsLoop.interval
    ) {
        task = Task.detached {
            while !Task.isCancelled {
                do {
                    try await Task.sleep(for: .milliseconds(interval))
                } catch {
                    return
                }
                await Self.tell(groups, ingest)
            }
        }
    }

    package func stop() async {
        task.cancel()
        await task.value
    }

    /// Stores what all groups hold, as of now.
    package static func tell(_ groups: PushedGroupsBoard, _ ingest: Ingest) async {
        let batch = groups.samples(at: ingest.now.milliseconds)
        guard !batch.isEmpty else { return }
        do throws(StoreError) {
            _ = try await ingest.store(Decoded(batch: batch), digest: nil, by: .push)
        } catch {
            // The next round tells the same.
            ingest.events.emit(PushedGroupsRefused(reason: "\(error)"))
        }
    }
}

/// What pushed groups hold could not be stored again.
struct PushedGroupsRefused: InternalEvent {
    static let counter = "sidelight_pushed_groups_refused_total"
    static let help = "Times that pushed groups could not be told again; the next round does."
    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "pushed groups could not be stored again: \(reason)" }
}
