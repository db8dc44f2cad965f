import Synchronization
import Telemetry

/// One running query: its limits, its deadline and whether somebody has cancelled it. Shared by the
/// threads that work on the query and by the one that may cancel it.
package final class QueryContext: Sendable {
    package let limits: QueryLimits
    /// When the query began, if somebody said so.
    package let startTime: Timestamp?
    /// Holds a query up that has had its share of time.
    /// - Parameters:
    ///   - now: monotonic nanoseconds.
    ///   - isOver: whether nobody waits for the query any more.
    package typealias GiveWay = @Sendable (_ now: Int64, _ isOver: () -> Bool) -> Void

    private let giveWay: GiveWay?
    private let now: @Sendable () -> Int64
    private let deadline: Int64
    private let isCancelled = Atomic<Bool>(false)
    private let heldSamples = Atomic<Int>(0)
    private let peak = Atomic<Int>(0)
    private let readItems = Atomic<Int>(0)
    private let readBytes = Atomic<Int>(0)

    /// - Parameters:
    ///   - startTime: for what a query says of the present.
    ///   - now: monotonic nanoseconds (`Clock.monotonicNanoseconds`); the time of the call starts the
    ///     deadline. Without a clock there is no deadline.
    ///   - giveWay: asked at each check.
    package init(
        limits: QueryLimits = QueryLimits(), startTime: Timestamp? = nil,
        now: (@Sendable () -> Int64)? = nil, giveWay: GiveWay? = nil
    ) {
        self.giveWay = giveWay
        self.limits = limits
        self.startTime = startTime
        self.now = now ?? { 0 }
        let allowed = limits.duration.components
        let (seconds, overflow) = allowed.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let nanoseconds = overflow ? .max : seconds &+ allowed.attoseconds / 1_000_000_000
        let (sum, isLate) = self.now().addingReportingOverflow(nanoseconds)
        deadline = isLate ? .max : sum
    }

    /// Makes the query fail at its next check. From any thread, at any time.
    package func cancel() { isCancelled.store(true, ordering: .releasing) }

    /// Throws if the query was cancelled or is past its deadline, and lets others go first where it has had
    /// its share. Called once a series, a block or a trace.
    package func check() throws(QueryError) {
        let now = now()
        try check(at: now)
        guard let giveWay else { return }
        giveWay(now) { isCancelled.load(ordering: .acquiring) || self.now() > deadline }
        try check(at: self.now())
    }

    private func check(at now: Int64) throws(QueryError) {
        if isCancelled.load(ordering: .acquiring) {
            throw QueryError(.canceled, "query was canceled in expression evaluation")
        }
        if now > deadline {
            throw QueryError(.timeout, "query timed out in expression evaluation")
        }
    }

    /// Accounts for samples that an intermediate result is about to hold.
    package func hold(samples count: Int) throws(QueryError) {
        let held = heldSamples.add(count, ordering: .relaxed).newValue
        if held > peak.load(ordering: .relaxed) { peak.store(held, ordering: .relaxed) }
        if held > limits.samplesMax {
            throw .execution(
                "query processing would load too many samples into memory in query execution")
        }
    }

    /// Gives samples back that are no longer held.
    package func release(samples count: Int) { heldSamples.subtract(count, ordering: .relaxed) }

    /// Samples held now.
    package var heldSampleCount: Int { heldSamples.load(ordering: .relaxed) }
    /// Most samples held at once; of racing threads one may win, so a figure for statistics.
    package var peakSamples: Int { peak.load(ordering: .relaxed) }

    /// Notes what has been looked at, for statistics.
    package func noteRead(items: Int, bytes: Int) {
        readItems.add(items, ordering: .relaxed)
        readBytes.add(bytes, ordering: .relaxed)
    }

    /// Items (log lines) that were looked at so far.
    package var readItemCount: Int { readItems.load(ordering: .relaxed) }
    /// Bytes of their text, as far as it was looked at.
    package var readByteCount: Int { readBytes.load(ordering: .relaxed) }
}
