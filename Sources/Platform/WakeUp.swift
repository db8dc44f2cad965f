import Glibc

/// A flag that one thread waits for with a time limit and others raise.
package final class WakeUp: Sendable {
    // Sound because the pthread objects are made for concurrent use and never moved after init.
    private nonisolated(unsafe) let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(
        capacity: 1)
    private nonisolated(unsafe) let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(
        capacity: 1)
    private nonisolated(unsafe) let isRaised = UnsafeMutablePointer<Bool>.allocate(capacity: 1)

    package init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        isRaised.initialize(to: false)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
        isRaised.deallocate()
    }

    /// Raises the flag; a wait that is running or comes next returns at once.
    package func signal() {
        pthread_mutex_lock(mutex)
        isRaised.pointee = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Returns when the flag was raised, which takes it down, or after the time.
    package func wait(nanoseconds: Int64) {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        let total = Int64(deadline.tv_nsec) + nanoseconds
        deadline.tv_sec += Int(total / 1_000_000_000)
        deadline.tv_nsec = Int(total % 1_000_000_000)
        pthread_mutex_lock(mutex)
        while !isRaised.pointee {
            if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT { break }
        }
        isRaised.pointee = false
        pthread_mutex_unlock(mutex)
    }
}
