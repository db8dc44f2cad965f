import Platform
import Store
import Telemetry

/// The catalog's outbox, read and written on threads that may block.
struct Outbox: Sendable {
    let catalog: any Catalog
    let pool: BlockingPool
    let events: EventLog

    /// Undelivered notifications for one receiver beyond `id`, by id; `nil` if they cannot be read.
    func waiting(for receiver: String, after id: Int64, limit: Int) async -> [Delivery]? {
        await attempt { [catalog] in
            try catalog.waitingDeliveries(to: receiver, after: id, limit: limit)
        }
    }

    /// Receivers with undelivered notifications.
    func receivers() async -> Set<String> {
        await attempt { [catalog] in try catalog.waitingReceivers() } ?? []
    }

    /// Records an outcome, also while the calling task is being cancelled; false if that failed.
    func settle(_ delivery: Int64, _ outcome: DeliveryOutcome) async -> Bool {
        let settling = Task {
            await attempt { [catalog] in try catalog.settle(delivery, outcome) }
        }
        return await settling.value != nil
    }

    private func attempt<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async -> Value? {
        do {
            return try await pool.run(work)
        } catch is CancellationError {
            return nil
        } catch {
            events.emit(OutboxFailed(reason: "\(error)"))
            return nil
        }
    }
}
