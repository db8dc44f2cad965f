import Platform
import Store
import Telemetry

/// The catalog's outbox, read and written on threads that may block.
struct Outbox: Sendable {
    /// Rows of one reading at first, and at most: the bodies are held in memory.
    private static let window = 256
    private static let windowMax = 16_384

    let catalog: any Catalog
    let pool: BlockingPool
    let events: EventLog

    /// Undelivered notifications that `isWanted` accepts, oldest first. Looks beyond others' ones:
    /// what is stuck for one receiver does not hide another's.
    func pending(where isWanted: @escaping @Sendable (Delivery) -> Bool) async -> [Delivery] {
        var limit = Self.window
        while true {
            let count = limit
            guard
                let all = await attempt({ [catalog] in
                    try catalog.dueDeliveries(at: .distantFuture, limit: count)
                })
            else { return [] }
            let wanted = all.filter(isWanted)
            if !wanted.isEmpty || all.count < limit || limit >= Self.windowMax { return wanted }
            limit *= 4
        }
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
