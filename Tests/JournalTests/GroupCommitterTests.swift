import Dispatch
import Glibc
import Journal
import Platform
import Synchronization
import Telemetry
import Testing

@Suite struct GroupCommitterTests {
    /// What hooks and completions saw, in order.
    private final class Observed: Sendable {
        enum Event: Equatable {
            case durable(UInt64)
            case completed(UInt64)
            case refused(JournalError)
        }

        private let log = Mutex<[Event]>([])

        var events: [Event] { log.withLock { $0 } }
        func note(_ event: Event) { log.withLock { $0.append(event) } }

        func completion(_ result: Result<UInt64, JournalError>) {
            switch result {
            case .success(let sequence): note(.completed(sequence))
            case .failure(let error): note(.refused(error))
            }
        }
    }

    /// Keeps the writer thread busy until it is opened.
    private final class Gate: Sendable {
        private let opened = DispatchSemaphore(value: 0)
        private let reached = DispatchSemaphore(value: 0)

        init(_ committer: GroupCommitter) throws {
            let (opened, reached) = (opened, reached)
            try committer.barrier {
                reached.signal()
                opened.wait()
            }
            reached.wait()
        }

        func open() { opened.signal() }
    }

    @Test("every one of many concurrent submitters is answered, and everything is on disk in order")
    func concurrentSubmitters() async throws {
        try await withTemporaryFolder { folder in
            let (journal, _) = try Journal.open(
                directory: folder + "/journal", fileSystem: PosixFileSystem(),
                durability: .process
            ) { _ in }
            let committer = GroupCommitter(journal: journal)
            let observed = Observed()
            let sequences = try await withThrowingTaskGroup(of: [UInt64].self) { group in
                for submitter in UInt8(0)..<16 {
                    group.addTask {
                        var sequences: [UInt64] = []
                        for index in UInt8(0)..<100 {
                            sequences.append(
                                try await withCheckedThrowingContinuation { continuation in
                                    committer.submit(
                                        JournalEntry([submitter, index]),
                                        onDurable: { observed.note(.durable($0)) }
                                    ) { continuation.resume(with: $0.mapError { $0 as any Error }) }
                                })
                        }
                        return sequences
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            committer.close()
            try journal.close()
            for own in sequences { #expect(own == own.sorted()) }
            #expect(sequences.flatMap { $0 }.sorted() == Array(1...1_600))
            #expect(observed.events == (1...1_600).map { .durable($0) })
            var found: [UInt64: [UInt8]] = [:]
            _ = try Journal.open(
                directory: folder + "/journal", fileSystem: PosixFileSystem(),
                durability: .process
            ) { found[$0.sequence] = Array($0.payload) }
            #expect(found.count == 1_600)
            #expect(Set(found.values).count == 1_600)
        }
    }

    @Test("what gathers while the writer is busy is one batch with one sync; hooks come first")
    func gathers() throws {
        let fixture = JournalFixture(durability: .power)
        let committer = GroupCommitter(journal: try fixture.open().journal)
        let observed = Observed()
        let gate = try Gate(committer)
        for index in UInt8(0)..<5 {
            committer.submit(
                JournalEntry([index]), onDurable: { observed.note(.durable($0)) },
                completion: observed.completion)
        }
        #expect(observed.events.isEmpty)
        let callsBefore = fixture.system.calls
        gate.open()
        committer.close()
        // One append and one sync.
        #expect(fixture.system.calls - callsBefore == 2)
        #expect(
            observed.events == (1...5).map { .durable($0) } + (1...5).map { .completed($0) })
        #expect(committer.queuedBytes == 0)
    }

    @Test("at the bound submissions are refused with a hint, and taken again once there is room")
    func overloaded() throws {
        var fixture = JournalFixture()
        fixture.limits.queuedBytesMax = 400
        let committer = GroupCommitter(journal: try fixture.open().journal)
        let observed = Observed()
        let gate = try Gate(committer)
        let entry = JournalEntry([UInt8](repeating: 7, count: 100))
        for _ in 0..<3 { committer.submit(entry, completion: observed.completion) }
        #expect(
            observed.events == [
                .refused(.overloaded(queuedBytes: 312, retryAfterMilliseconds: 250))
            ])
        gate.open()
        let again = try Gate(committer)
        committer.submit(entry, completion: observed.completion)
        again.open()
        committer.close()
        #expect(observed.events.dropFirst() == [.completed(1), .completed(2), .completed(3)])
    }

    @Test("a failed write refuses exactly its batch; no hook runs for it")
    func failedWrite() throws {
        let fixture = JournalFixture()
        let committer = GroupCommitter(journal: try fixture.open().journal)
        let observed = Observed()
        fixture.system.inject(.init([.append], code: ENOSPC))
        for _ in 0..<2 {
            let gate = try Gate(committer)
            committer.submit(
                JournalEntry([1]), onDurable: { observed.note(.durable($0)) },
                completion: observed.completion)
            gate.open()
        }
        committer.close()
        let path = JournalFixture.directory + "/000001.log"
        #expect(
            observed.events == [
                .refused(.file(FileError(.append, path: path, code: ENOSPC))), .durable(1),
                .completed(1),
            ])
    }

    @Test("a barrier runs between the records submitted before and after it")
    func barrier() throws {
        let fixture = JournalFixture()
        let journal = try fixture.open().journal
        let committer = GroupCommitter(journal: journal)
        let observed = Observed()
        let gate = try Gate(committer)
        committer.submit(JournalEntry([1]), completion: observed.completion)
        try committer.barrier { observed.note(.durable(journal.lastSequence ?? 0)) }
        committer.submit(JournalEntry([2]), completion: observed.completion)
        gate.open()
        committer.close()
        #expect(observed.events == [.completed(1), .durable(1), .completed(2)])
    }

    @Test("closing answers what was submitted and refuses the rest")
    func closing() throws {
        let committer = GroupCommitter(journal: try JournalFixture().open().journal)
        let observed = Observed()
        for _ in 0..<20 { committer.submit(JournalEntry([1]), completion: observed.completion) }
        committer.close()
        #expect(observed.events == (1...20).map { .completed($0) })
        committer.submit(JournalEntry([1]), completion: observed.completion)
        #expect(observed.events.last == .refused(.closed))
        #expect(throws: JournalError.closed) { try committer.barrier {} }
    }

    @Test("a record too large for the journal is refused, one larger than the queue is taken")
    func sizes() throws {
        var fixture = JournalFixture()
        fixture.limits.recordBytesMax = 1_000
        fixture.limits.queuedBytesMax = 500
        let committer = GroupCommitter(journal: try fixture.open().journal)
        let observed = Observed()
        committer.submit(
            JournalEntry([UInt8](repeating: 0, count: 1_001)), completion: observed.completion)
        #expect(observed.events == [.refused(.recordTooLarge(bytes: 1_001, bytesMax: 1_000))])
        committer.submit(
            JournalEntry([UInt8](repeating: 0, count: 900)), completion: observed.completion)
        committer.close()
        #expect(observed.events.last == .completed(1))
    }
}
