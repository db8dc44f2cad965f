import Platform
import QueryCore
import Synchronization
import Telemetry

/// Gathers evidence on a thread of its own and gives up waiting when a page would be late.
package final class EvidenceDesk: Sendable {
    /// Nanoseconds: no page is later than this because of its evidence.
    static let waitMax: Int64 = 1_000_000_000
    /// The collector stops itself before that, with what it has.
    private static let workMax = Duration.milliseconds(800)
    /// Alerts of one evaluation that are looked into; the first pages say what the others would.
    static let subjectsMax = 10

    private let collector: EvidenceCollector
    private let clock: any Clock
    /// One waits while one is at work: more could not be in time.
    private let thread = WorkerThread(name: "evidence", capacity: 1)

    package init(_ collector: EvidenceCollector, clock: any Clock) {
        self.collector = collector
        self.clock = clock
    }

    package func stop() { thread.stop() }

    /// One for each subject, after a second at most: without evidence if it takes longer, which it says.
    package func gather(_ subjects: [EvidenceSubject], at now: Timestamp) -> [AlertEvidence] {
        let chosen = Array(subjects.prefix(Self.subjectsMax))
        var limits = QueryLimits()
        limits.duration = Self.workMax
        let context = QueryContext(limits: limits) { [clock] in clock.monotonicNanoseconds }
        let box = EvidenceBox()
        let isTaken = thread.submit { [collector] in
            box.set(collector.gather(chosen, at: now, context: context))
        }
        if isTaken { box.isReady.wait(nanoseconds: Self.waitMax) }
        context.cancel()
        let gathered = box.value ?? []
        return subjects.indices.map { index in
            if index < gathered.count { return gathered[index] }
            var nothing = AlertEvidence()
            nothing.notes.append(
                index < chosen.count
                    ? "no evidence: it could not be gathered within a second"
                    : "no evidence: it is gathered for \(Self.subjectsMax) alerts at a time")
            return nothing
        }
    }
}

private final class EvidenceBox: Sendable {
    let isReady = WakeUp()
    private let gathered = Mutex<[AlertEvidence]?>(nil)

    var value: [AlertEvidence]? { gathered.withLock { $0 } }

    func set(_ value: [AlertEvidence]) {
        gathered.withLock { $0 = value }
        isReady.signal()
    }
}
