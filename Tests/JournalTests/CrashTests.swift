import Glibc
import Journal
import Platform
import Telemetry
import Testing

@Suite struct CrashTests {
    @Test("whatever was acknowledged is there exactly once after any crash", arguments: 0..<25)
    func crashes(block: Int) throws {
        for schedule in 0..<20 {
            let seed = UInt64(block * 20 + schedule)
            var run = CrashRun(seed: seed)
            let complaint = try run.live(lives: 6)
            #expect(complaint == nil, "seed \(seed)")
        }
    }

    @Test("the schedules crash while opening, writing and removing, and refuse appends")
    func schedulesAreNotTrivial() throws {
        var total = CrashRun.Counts()
        for seed in UInt64(0)..<100 {
            var run = CrashRun(seed: seed)
            _ = try run.live(lives: 6)
            total.appended += run.counts.appended
            total.refused += run.counts.refused
            total.replayed += run.counts.replayed
            total.torn += run.counts.torn
            total.failedOpens += run.counts.failedOpens
            total.removals += run.counts.removals
        }
        #expect(total.appended > 1_000 && total.replayed > 1_000)
        #expect(total.refused > 50 && total.torn > 10)
        #expect(total.failedOpens > 5 && total.removals > 50)
    }
}

/// One machine that dies again and again.
private struct CrashRun {
    struct Counts {
        var appended = 0
        var refused = 0
        var replayed = 0
        var torn = 0
        var failedOpens = 0
        var removals = 0
    }

    private let fixture: JournalFixture
    private let random: SeededRandom
    private var ledger = CrashLedger()
    private var nextPayload: UInt64 = 0
    private(set) var counts = Counts()

    init(seed: UInt64) {
        random = SeededRandom(seed: seed &+ 0xC0FFEE)
        fixture = JournalFixture(
            seed: seed, durability: seed & 1 == 0 ? .process : .power,
            segmentBytesMax: 500 + Int(random.next(below: 6_000)))
    }

    /// Runs until the first broken promise.
    mutating func live(lives: Int) throws -> String? {
        for _ in 0..<lives {
            if let complaint = try liveOnce() { return complaint }
            crash()
        }
        do throws(JournalError) {
            let (_, report, records) = try fixture.open(sealedThrough: ledger.removedThrough)
            return ledger.complaint(about: records, report)
        } catch {
            return "cannot open: \(error)"
        }
    }

    private mutating func liveOnce() throws -> String? {
        if chance(3) {
            fixture.system.stopWorking(after: Int(random.next(below: 30)))
        }
        let journal: Journal
        do throws(JournalError) {
            let (opened, report, records) = try fixture.open(sealedThrough: ledger.removedThrough)
            if let complaint = ledger.complaint(about: records, report) { return complaint }
            counts.replayed += records.count
            counts.torn += report.tornBytes > 0 ? 1 : 0
            journal = opened
        } catch {
            counts.failedOpens += 1
            return fixture.system.hasStopped ? nil : "cannot open: \(error)"
        }
        if chance(1) { fixture.system.stopWorking(after: Int(random.next(below: 120))) }
        for _ in 0..<random.next(below: 40) where !fixture.system.hasStopped {
            step(journal)
        }
        return nil
    }

    private mutating func step(_ journal: Journal) {
        switch random.next(below: 20) {
        case 0: fixture.system.inject(fault())
        case 1: remove(journal)
        case 2:
            // A failure to rotate takes no record away.
            do throws(JournalError) { try journal.rotate() } catch { counts.refused += 1 }
        default: append(journal)
        }
    }

    private mutating func append(_ journal: Journal) {
        let payloads = (0...random.next(below: 4)).map { _ in payload() }
        ledger.submitted.formUnion(payloads)
        do throws(JournalError) {
            let first = try journal.append(payloads.map { JournalEntry($0) })
            ledger.acknowledge(payloads, first: first)
            counts.appended += payloads.count
        } catch {
            counts.refused += 1
        }
    }

    private mutating func remove(_ journal: Journal) {
        guard let last = journal.lastSequence else { return }
        let through = random.next(below: last + 1)
        // Sealed, whether or not the files can be deleted.
        ledger.forget(through: through)
        do throws(JournalError) {
            try journal.removeSegments(throughSequence: through)
            counts.removals += 1
        } catch {
            counts.refused += 1
        }
    }

    private mutating func crash() {
        let losesPower = random.next() & 1 == 0
        fixture.system.restart(after: losesPower ? .powerLoss : .processKill)
        if losesPower, fixture.durability == .process { ledger.losePromises() }
    }

    private func fault() -> SimulatedFileSystem.Fault {
        let operations: [FileError.Operation] = [.append, .sync, .truncate, .open, .syncDirectory]
        var chosen: Set<FileError.Operation> = []
        for operation in operations where chance(1) { chosen.insert(operation) }
        return SimulatedFileSystem.Fault(
            chosen, after: Int(random.next(below: 4)), times: 1 + Int(random.next(below: 3)),
            code: chance(1) ? ENOSPC : EIO)
    }

    /// Unique bytes of any size, now and then larger than a segment.
    private mutating func payload() -> [UInt8] {
        nextPayload += 1
        let size = chance(4) ? random.next(below: 9_000) : random.next(below: 700)
        return withUnsafeBytes(of: nextPayload) { Array($0) } + randomBytes(Int(size), random)
    }

    /// True once in two to the power of `exponent`.
    private func chance(_ exponent: UInt64) -> Bool { random.next() & ((1 << exponent) - 1) == 0 }
}
