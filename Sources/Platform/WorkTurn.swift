import Glibc

/// One job of a `BlockingPool` that may turn out to take long: it says now and then that it goes on, and gives
/// its place to short jobs once it has had its share.
///
/// `@unchecked Sendable`: the variables are touched only by the thread that runs the job, which is written
/// before the job begins.
package final class WorkTurn: @unchecked Sendable {
    /// Nanoseconds. What answers within it never waits for work that does not.
    private static let shortNanoseconds: Int64 = 250_000_000
    /// Of a turn among long jobs: some reads of blocks.
    private static let longNanoseconds: Int64 = 2_000_000_000

    private let queue: ThreadedQueue
    private let turns: LongTurns
    private var owner: pthread_t?
    /// Monotonic nanoseconds.
    private var since: Int64 = 0
    private var isLong = false
    private var hasTurn = false

    init(_ queue: ThreadedQueue, _ turns: LongTurns) {
        self.queue = queue
        self.turns = turns
    }

    /// - Parameter now: monotonic nanoseconds.
    package func begin(now: Int64) {
        owner = pthread_self()
        since = now
    }

    /// Called by the job from time to time, at places where it may be held up. Calls of threads that help it
    /// have no effect.
    /// - Parameter isOver: whether the job is not wanted any more.
    package func giveWay(now: Int64, isOver: () -> Bool) {
        guard let owner, pthread_equal(owner, pthread_self()) != 0 else { return }
        guard now &- since >= (isLong ? Self.longNanoseconds : Self.shortNanoseconds) else {
            return
        }
        since = now
        if isLong {
            guard hasTurn else { return }
            hasTurn = turns.passOn(isOver: isOver)
        } else if let ticket = turns.ticket() {
            isLong = true
            queue.givePlaceUp()
            hasTurn = turns.wait(ticket, isOver: isOver)
        }
    }

    /// Must follow `begin` on the same thread.
    package func end() {
        if hasTurn { turns.end() }
        if isLong { queue.takePlaceAgain() }
        (isLong, hasTurn) = (false, false)
    }
}
