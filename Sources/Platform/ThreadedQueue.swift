import Glibc

/// Named OS threads that run closures from one bounded queue, first in, first out. Threads sleep on a
/// condition while there is nothing to do.
///
/// There may be fewer places than threads: closures that gave theirs up go on beside those that have one.
///
/// `@unchecked Sendable`: `jobs`, `busy`, `isStopping` and `threads` are touched only with `mutex` held.
final class ThreadedQueue: @unchecked Sendable {
    enum Refusal: Error {
        case full
        case stopped
    }

    let name: String
    let capacity: Int
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let available = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [@Sendable () -> Void] = []
    /// Index of the next job in `jobs`: taking one is O(1), the array is compacted when it is used up.
    private var nextJob = 0
    /// Places that are taken.
    private var busy = 0
    private let places: Int
    private var isStopping = false
    private var threads: [pthread_t] = []

    /// - Parameters:
    ///   - name: shown by `ps -L` and debuggers; the kernel keeps 15 bytes of it.
    ///   - capacity: jobs waiting, those being run not counted.
    ///   - places: for jobs that run at once, besides those that gave theirs up; `nil` is one a thread.
    init(name: String, threads count: Int, capacity: Int, places: Int? = nil) {
        precondition(count > 0 && capacity > 0, "BUG: a queue without threads or room")
        self.name = name
        self.capacity = capacity
        self.places = places ?? count
        precondition((1...count).contains(self.places), "BUG: \(self.places) places")
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(available, nil)
        for index in 0..<count { start(count == 1 ? name : "\(name)-\(index)") }
    }

    deinit {
        // Each thread holds a reference until it ends: none is left here.
        pthread_cond_destroy(available)
        pthread_mutex_destroy(mutex)
        available.deallocate()
        mutex.deallocate()
    }

    func submit(_ job: @escaping @Sendable () -> Void) throws(Refusal) {
        try append(job)
        // Behind the lock: who wakes up does not have to wait for it.
        pthread_cond_signal(available)
    }

    private func append(_ job: @escaping @Sendable () -> Void) throws(Refusal) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if isStopping { throw .stopped }
        if jobs.count - nextJob >= capacity { throw .full }
        jobs.append(job)
    }

    /// Takes nothing more, runs what is queued, and returns when all threads have ended. Must not be
    /// called from one of them.
    func stop() {
        pthread_mutex_lock(mutex)
        isStopping = true
        let ending = threads
        threads = []
        pthread_cond_broadcast(available)
        pthread_mutex_unlock(mutex)
        for thread in ending {
            precondition(pthread_equal(thread, pthread_self()) == 0, "BUG: \(name) stops itself")
            pthread_join(thread, nil)
        }
    }

    /// Takes nothing more and lets the threads end by themselves after what is queued.
    func endWithoutWaiting() {
        pthread_mutex_lock(mutex)
        isStopping = true
        let ending = threads
        threads = []
        pthread_cond_broadcast(available)
        pthread_mutex_unlock(mutex)
        for thread in ending { pthread_detach(thread) }
    }

    private func start(_ threadName: String) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Start(queue: self, threadName: threadName))
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                start.nameThread()
                start.queue.work()
                return nil
            }, context.toOpaque())
        // Without its threads the program cannot do what it was configured for.
        precondition(code == 0, "cannot start thread \(threadName): errno \(code)")
        threads.append(thread)
    }

    private final class Start {
        let queue: ThreadedQueue
        let threadName: String

        init(queue: ThreadedQueue, threadName: String) {
            self.queue = queue
            self.threadName = threadName
        }

        /// `pthread_setname_np` is an extension that Swift's Glibc does not show; this is what it does.
        /// A thread without a name works as well.
        func nameThread() {
            let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return }
            let name = Array(threadName.utf8.prefix(15))
            _ = write(descriptor, name, name.count)
            close(descriptor)
        }
    }

    private func work() {
        while let job = take() {
            job()
            givePlaceUp()
        }
    }

    /// Another job may run beside the one that calls.
    func givePlaceUp() {
        pthread_mutex_lock(mutex)
        busy -= 1
        let mayStart = nextJob < jobs.count && busy < places
        pthread_mutex_unlock(mutex)
        if mayStart { pthread_cond_signal(available) }
    }

    /// For a job that gave its place up and is about to end.
    func takePlaceAgain() {
        pthread_mutex_lock(mutex)
        busy += 1
        pthread_mutex_unlock(mutex)
    }

    /// The next job; `nil` when stopping and nothing is left.
    private func take() -> (@Sendable () -> Void)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while nextJob == jobs.count || busy >= places {
            if isStopping, nextJob == jobs.count { return nil }
            pthread_cond_wait(available, mutex)
        }
        busy += 1
        let job = jobs[nextJob]
        nextJob += 1
        if nextJob == jobs.count {
            jobs.removeAll(keepingCapacity: true)
            nextJob = 0
        } else if nextJob >= capacity {
            jobs.removeFirst(nextJob)
            nextJob = 0
        }
        // Those that sleep because no place was free have nothing to wait for any more.
        if isStopping, jobs.isEmpty { pthread_cond_broadcast(available) }
        return job
    }
}
