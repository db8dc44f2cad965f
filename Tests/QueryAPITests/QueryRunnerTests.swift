import Platform
import QueryAPI
import QueryCore
import Synchronization
import Testing

/// What the queries of a test share.
private final class Shared: Sendable {
    let isOpen = Atomic(false)
    let begun = Atomic(0)
}

@Suite struct QueryRunnerTests {
    @Test("a quick query is answered while as many long ones run as there are places, and more")
    func fairness() async throws {
        let clock = ManualClock(wallNanoseconds: 0)
        let pool = BlockingPool(
            name: "queries", places: 2, longTurns: 1, longWaiting: 8, capacity: 100)
        var limits = QueryLimits()
        limits.duration = .seconds(1_000_000_000)
        let runner = QueryRunner(pool: pool, clock: clock, limits: limits)
        let shared = Shared()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<6 {
                group.addTask {
                    try await runner.run { context in
                        shared.begun.add(1, ordering: .relaxed)
                        while !shared.isOpen.load(ordering: .acquiring) {
                            clock.advance(byNanoseconds: 1_000_000)
                            try context.check()
                        }
                        return number
                    }
                }
            }
            while shared.begun.load(ordering: .relaxed) < 6 { await Task.yield() }
            let quick = try await runner.run { _ in -1 }
            #expect(quick == -1)
            shared.isOpen.store(true, ordering: .releasing)
            let sum = try await group.reduce(0, +)
            #expect(sum == 15)
        }
        pool.stop()
    }

    @Test("a query that waits for its next turn ends when its client leaves")
    func leaving() async throws {
        let clock = ManualClock(wallNanoseconds: 0)
        let pool = BlockingPool(
            name: "queries", places: 1, longTurns: 1, longWaiting: 4, capacity: 100)
        var limits = QueryLimits()
        limits.duration = .seconds(1_000_000_000)
        let runner = QueryRunner(pool: pool, clock: clock, limits: limits)
        let shared = Shared()
        let tasks = (0..<4).map { _ in
            Task {
                try await runner.run { context in
                    shared.begun.add(1, ordering: .relaxed)
                    while true {
                        clock.advance(byNanoseconds: 1_000_000)
                        try context.check()
                    }
                }
            }
        }
        while shared.begun.load(ordering: .relaxed) < 4 { await Task.yield() }
        for task in tasks {
            task.cancel()
            await #expect(throws: (any Error).self) { try await task.value }
        }
        let next = try await runner.run { _ in 3 }
        #expect(next == 3)
        pool.stop()
    }
}
