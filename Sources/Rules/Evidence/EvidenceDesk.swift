import Platform
import QueryCore
import Synchronization
import Telemetry

/// Gathers evidence on a thread of its own and gives up waiting when a page would be late.
package final class EvidenceDesk: Sendable {
    /// Nanoseconds: no page is later than this because of its evidence.
    package static let waitMax: Int64 = 1_000_000_000
    /// The collector stops itself before that, with what it has.
    private static let workMax = Duration.milliseconds(800)
    /// Alerts of one evaluation that are looked into; the first pages say what the others would.
    static let subjectsMax = 10
    /// Nanoseconds that rules wait for evidence within ten seconds, all together.
    private static let spentMax: Int64 = 2_000_000_000

    private let collector: EvidenceCollector
    private let clock: any Clock
    private let waitMax: Int64
    private let state = Mutex(DeskState())
    /// One waits while one is at work: more could not be in time.
    private let thread = WorkerThread(name: "evidence", capacity: 1)

    /// - Parameter waitMax: nanoseconds.
    package init(
        _ collector: EvidenceCollector, clock: any Clock, waitMax: Int64 = EvidenceDesk.waitMax
    ) {
        self.collector = collector
        self.clock = clock
        self.waitMax = waitMax
    }

    package func stop() { thread.stop() }

    /// One for each subject, after a second at most: without evidence if it takes longer, which it says.
    /// What was found for an alert a short while ago is said again, as when a page is repeated.
    package func gather(_ subjects: [EvidenceSubject], at now: Timestamp) -> [AlertEvidence] {
        let start = clock.monotonicNanoseconds
        let (known, mayGather) = state.withLock { state in
            state.begin(at: start)
            return (
                subjects.map { state.evidence(of: $0.labels, at: start) },
                state.spent < Self.spentMax
            )
        }
        let wanted = subjects.indices.filter { known[$0] == nil }
        let chosen = mayGather ? Array(wanted.prefix(Self.subjectsMax)) : []
        let gathered = chosen.isEmpty ? [] : wait(for: chosen.map { subjects[$0] }, at: now)
        let end = clock.monotonicNanoseconds
        state.withLock { state in
            state.spent += end - start
            for (index, evidence) in zip(chosen, gathered) {
                state.keep(evidence, of: subjects[index].labels, at: end)
            }
        }
        let found = Dictionary(uniqueKeysWithValues: zip(chosen, gathered))
        return subjects.indices.map { index in
            if let evidence = known[index] ?? found[index] { return evidence }
            var nothing = AlertEvidence()
            nothing.notes.append(reason(chosen.contains(index), mayGather))
            return nothing
        }
    }

    private func reason(_ wasTried: Bool, _ mayGather: Bool) -> String {
        if wasTried { return "no evidence: it could not be gathered within a second" }
        return mayGather
            ? "no evidence: it is gathered for \(Self.subjectsMax) alerts at a time"
            : "no evidence: so much fires that gathering it would hold up other rules"
    }

    /// What was gathered in time.
    private func wait(for subjects: [EvidenceSubject], at now: Timestamp) -> [AlertEvidence] {
        var limits = QueryLimits()
        limits.duration = Self.workMax
        let context = QueryContext(limits: limits) { [clock] in clock.monotonicNanoseconds }
        let box = EvidenceBox()
        let isTaken = thread.submit { [collector] in
            box.set(collector.gather(subjects, at: now, context: context))
        }
        if isTaken { box.isReady.wait(nanoseconds: waitMax) }
        context.cancel()
        return box.value ?? []
    }
}

/// What was found lately, and how long rules have waited for it. Times are monotonic nanoseconds.
private struct DeskState {
    /// How long evidence is said again.
    private static let freshFor: Int64 = 300_000_000_000
    /// Alerts remembered.
    private static let knownMax = 1_000
    private static let window: Int64 = 10_000_000_000

    /// In the window, by all rules together.
    var spent: Int64 = 0
    private var windowStart: Int64?
    private var known: [Labels: (evidence: AlertEvidence, at: Int64)] = [:]

    mutating func begin(at now: Int64) {
        guard let start = windowStart, now - start < Self.window else {
            windowStart = now
            spent = 0
            return
        }
    }

    func evidence(of labels: Labels, at now: Int64) -> AlertEvidence? {
        guard let entry = known[labels], now - entry.at < Self.freshFor else { return nil }
        return entry.evidence
    }

    /// Evidence that is missing something is looked for again with the next page.
    mutating func keep(_ evidence: AlertEvidence, of labels: Labels, at now: Int64) {
        guard evidence.notes.isEmpty else { return }
        if known.count >= Self.knownMax {
            known = known.filter { now - $0.value.at < Self.freshFor }
            if known.count >= Self.knownMax { known = [:] }
        }
        known[labels] = (evidence, now)
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
