import Dispatch
import Glibc
import Platform
import Synchronization
import Testing

@Suite struct ThreadTests {
    @Test("a worker thread runs closures in order, on a thread of its name, and stop waits for all")
    func order() {
        let worker = WorkerThread(name: "test-worker", capacity: 100)
        let seen = Mutex<[Int]>([])
        let name = Mutex("")
        for index in 0..<100 {
            let isTaken = worker.submit {
                seen.withLock { $0.append(index) }
                name.withLock { $0 = currentThreadName() }
            }
            #expect(isTaken)
        }
        worker.stop()
        #expect(seen.withLock { $0 } == Array(0..<100))
        #expect(name.withLock { $0 } == "test-worker")
        #expect(!worker.submit {})
    }

    @Test("a full mailbox refuses and takes again when there is room")
    func bound() {
        let worker = WorkerThread(name: "bounded", capacity: 2)
        let reached = DispatchSemaphore(value: 0)
        let opened = DispatchSemaphore(value: 0)
        #expect(
            worker.submit {
                reached.signal()
                opened.wait()
            })
        reached.wait()
        #expect(worker.submit {})
        #expect(worker.submit { reached.signal() })
        #expect(!worker.submit {})
        opened.signal()
        reached.wait()
        #expect(worker.submit {})
        worker.stop()
    }

    @Test("a pool returns values and errors of blocking work")
    func pool() async throws {
        struct Broken: Error {}
        let pool = BlockingPool(name: "readers", threads: 3, capacity: 1_000)
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<300 { group.addTask { try await pool.run { index } } }
            return try await group.reduce(0, +)
        }
        #expect(sum == 300 * 299 / 2)
        await #expect(throws: Broken.self) { try await pool.run { throw Broken() } }
        pool.stop()
        await #expect(throws: BlockingPool.Failure.stopped(pool: "readers")) {
            try await pool.run { 1 }
        }
    }

    @Test("a full pool refuses at once and says how many wait")
    func fullPool() async throws {
        let pool = BlockingPool(name: "full", threads: 1, capacity: 1)
        let opened = DispatchSemaphore(value: 0)
        // One blocks the thread, one waits, and of any more each is refused.
        let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    do {
                        try await pool.run { opened.wait() }
                        return true
                    } catch BlockingPool.Failure.full(pool: "full", capacity: 1) {
                        return false
                    }
                }
            }
            var outcomes: [Bool] = []
            for try await outcome in group {
                outcomes.append(outcome)
                // The eighth answer is a refusal at the earliest: only then may the others end.
                if outcomes.count == 8 { for _ in 0..<10 { opened.signal() } }
            }
            return outcomes
        }
        pool.stop()
        #expect(outcomes.prefix(8).allSatisfy { !$0 })
        #expect((1...2).contains(outcomes.filter { $0 }.count))
    }

    @Test("work whose task was cancelled before it began never begins")
    func cancellation() async throws {
        let pool = BlockingPool(name: "cancelled", threads: 1, capacity: 1)
        let hasRun = Atomic(false)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await pool.run { hasRun.store(true, ordering: .relaxed) }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        pool.stop()
        let begun = hasRun.load(ordering: .relaxed)
        #expect(!begun)
    }
}

private func currentThreadName() -> String {
    let descriptor = open("/proc/thread-self/comm", O_RDONLY)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)).prefix { $0 != 10 }, as: UTF8.self)
}
