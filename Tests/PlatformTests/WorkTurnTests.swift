import Dispatch
import Foundation
import Platform
import Synchronization
import Testing

/// What the jobs of a test share.
private final class Shared: Sendable {
    let isOpen = Atomic(false)
    let isUnwanted = Atomic(false)
    let begun = Atomic(0)
    let ended = Atomic(0)
    let looks = Mutex([0, 0, 0])
}

@Suite("jobs that give way")
struct WorkTurnTests {
    /// Goes on until `isDone` says so, each look a second after the one before.
    private static func goOn(_ turn: WorkTurn, until isDone: () -> Bool, isOver: () -> Bool) {
        var now: Int64 = 0
        turn.begin(now: now)
        defer { turn.end() }
        while !isDone(), !isOver() {
            now += 1_000_000_000
            turn.giveWay(now: now, isOver: isOver)
        }
    }

    @Test(
        "a short job runs while more long jobs than places go on, and these all come to their end")
    func short() async throws {
        let pool = BlockingPool(
            name: "fair", places: 1, longTurns: 1, longWaiting: 3, capacity: 100)
        let shared = Shared()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let turn = try #require(pool.turn())
                    try await pool.run {
                        shared.begun.add(1, ordering: .relaxed)
                        Self.goOn(
                            turn, until: { shared.isOpen.load(ordering: .acquiring) },
                            isOver: { false })
                    }
                }
            }
            // Each of the long ones had the only place once.
            while shared.begun.load(ordering: .relaxed) < 4 { await Task.yield() }
            #expect(try await pool.run { 7 } == 7)
            shared.isOpen.store(true, ordering: .releasing)
            try await group.waitForAll()
        }
        #expect(try await pool.run { 8 } == 8)
        pool.stop()
    }

    @Test("long jobs have their turns in circles")
    func circles() async throws {
        let pool = BlockingPool(
            name: "circle", places: 1, longTurns: 1, longWaiting: 2, capacity: 100)
        let shared = Shared()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for job in 0..<3 {
                group.addTask {
                    let turn = try #require(pool.turn())
                    try await pool.run {
                        // Each ends when all have gone on: none waits until another has ended.
                        Self.goOn(
                            turn,
                            until: {
                                shared.looks.withLock { looks in
                                    looks[job] += 1
                                    return looks.allSatisfy { $0 > 20 }
                                }
                            }, isOver: { false })
                    }
                }
            }
            try await group.waitForAll()
        }
        pool.stop()
        #expect(shared.looks.withLock { $0.allSatisfy { $0 > 20 } })
    }

    @Test("a job that nobody wants any more stops waiting, and one too many keeps its place")
    func over() async throws {
        let pool = BlockingPool(
            name: "over", places: 2, longTurns: 1, longWaiting: 1, capacity: 100)
        let shared = Shared()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for job in 0..<3 {
                group.addTask {
                    let turn = try #require(pool.turn())
                    try await pool.run {
                        shared.begun.add(1, ordering: .relaxed)
                        Self.goOn(
                            turn, until: { job > 0 && shared.isOpen.load(ordering: .acquiring) },
                            isOver: { job == 0 && shared.isUnwanted.load(ordering: .acquiring) })
                    }
                }
            }
            while shared.begun.load(ordering: .relaxed) < 3 { await Task.yield() }
            shared.isUnwanted.store(true, ordering: .releasing)
            shared.isOpen.store(true, ordering: .releasing)
            try await group.waitForAll()
        }
        // Both places are there again.
        for value in 0..<4 { #expect(try await pool.run { value } == value) }
        pool.stop()
    }

    @Test(
        "a pool with more threads than places stops while work waits", .timeLimit(.minutes(10)))
    func stops() async throws {
        let pool = BlockingPool(
            name: "ending", places: 1, longTurns: 1, longWaiting: 8, capacity: 2)
        let opened = DispatchSemaphore(value: 0)
        let shared = Shared()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { await Self.holdPlace(pool, shared, opened) }
            while shared.begun.load(ordering: .relaxed) == 0 { await Task.yield() }
            // One runs: of nine more two wait, which is all that may.
            for _ in 0..<9 { group.addTask { await Self.holdPlace(pool, shared, opened) } }
            for _ in 0..<7 { #expect(await group.next() == false) }
            async let stopping: Void = Self.stop(pool)
            while await !Self.isStopped(pool) { await Task.yield() }
            for _ in 0..<3 { opened.signal() }
            await stopping
        }
        #expect(shared.ended.load(ordering: .relaxed) == 3)
    }

    /// False if the pool did not take it.
    private static func holdPlace(
        _ pool: BlockingPool, _ shared: Shared, _ opened: DispatchSemaphore
    ) async -> Bool {
        do {
            try await pool.run {
                shared.begun.add(1, ordering: .relaxed)
                opened.wait()
                shared.ended.add(1, ordering: .relaxed)
            }
            return true
        } catch { return false }
    }

    private static func stop(_ pool: BlockingPool) async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                pool.stop()
                continuation.resume()
            }
        }
    }

    private static func isStopped(_ pool: BlockingPool) async -> Bool {
        do { try await pool.run {} } catch BlockingPool.Failure.stopped { return true } catch {}
        return false
    }
}
