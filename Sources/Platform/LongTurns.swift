import Glibc

/// Turns of work that takes long: few at once, and in circles among those that wait.
///
/// `@unchecked Sendable`: `taken`, `waiting` and `lastTicket` are touched only with `mutex` held.
final class LongTurns: @unchecked Sendable {
    /// Who waits looks that often whether it is still wanted.
    private static let lookNanoseconds = 100_000_000

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let count: Int
    private let waitingMax: Int
    private var taken = 0
    /// Tickets of those that wait, the first to come first.
    private var waiting: [Int] = []
    private var lastTicket = 0

    /// - Parameters:
    ///   - count: turns that there are.
    ///   - waitingMax: who may wait for one.
    init(count: Int, waitingMax: Int) {
        self.count = count
        self.waitingMax = waitingMax
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// A ticket to wait with; `nil` if as many wait as may.
    func ticket() -> Int? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard taken + waiting.count < count + waitingMax else { return nil }
        return append()
    }

    /// Waits until it is the turn of that ticket.
    /// - Returns: false if `isOver` became true first.
    func wait(_ ticket: Int, isOver: () -> Bool) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while waiting.first != ticket || taken >= count {
            if isOver() {
                waiting.removeAll { $0 == ticket }
                pthread_cond_broadcast(changed)
                return false
            }
            waitForChange()
        }
        waiting.removeFirst()
        taken += 1
        pthread_cond_broadcast(changed)
        return true
    }

    /// Gives a turn to who waits first, if anybody does, and waits for the next one.
    /// - Returns: false if `isOver` became true first: then the turn is gone.
    func passOn(isOver: () -> Bool) -> Bool {
        pthread_mutex_lock(mutex)
        guard !waiting.isEmpty else {
            pthread_mutex_unlock(mutex)
            return true
        }
        taken -= 1
        let ticket = append()
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
        return wait(ticket, isOver: isOver)
    }

    func end() {
        pthread_mutex_lock(mutex)
        taken -= 1
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    private func append() -> Int {
        lastTicket &+= 1
        waiting.append(lastTicket)
        return lastTicket
    }

    private func waitForChange() {
        var until = timespec()
        clock_gettime(CLOCK_MONOTONIC, &until)
        until.tv_nsec += Self.lookNanoseconds
        if until.tv_nsec >= 1_000_000_000 {
            until.tv_nsec -= 1_000_000_000
            until.tv_sec += 1
        }
        pthread_cond_timedwait(changed, mutex, &until)
    }
}
