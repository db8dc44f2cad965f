import Platform
import Synchronization

/// A thread that writes derived totals at a fixed interval until it is stopped, and then once more.
final class DerivedWrites: Sendable {
    /// Writes the totals as they are now, and says when that is done.
    typealias Write = @Sendable (_ completion: @escaping @Sendable () -> Void) -> Void

    private let intervalNanoseconds: Int64
    private let isStopping = Atomic(false)
    private let wake = WakeUp()
    private let thread: WorkerThread

    /// How long the last write may take before the program ends without knowing its outcome.
    private static let lastWriteNanoseconds: Int64 = 2_000_000_000

    init(name: String, intervalNanoseconds: Int64) {
        self.intervalNanoseconds = intervalNanoseconds
        thread = WorkerThread(name: name, capacity: 1)
    }

    func start(_ write: @escaping Write) {
        let isStarted = thread.submit { [self] in
            while !isStopping.load(ordering: .acquiring) {
                wake.wait(nanoseconds: intervalNanoseconds)
                if !isStopping.load(ordering: .acquiring) { write {} }
            }
        }
        precondition(isStarted, "BUG: started twice")
    }

    /// Ends the thread and writes for the last time.
    func stop(_ write: Write) {
        isStopping.store(true, ordering: .releasing)
        wake.signal()
        thread.stop()
        let done = WakeUp()
        write { done.signal() }
        done.wait(nanoseconds: Self.lastWriteNanoseconds)
    }
}
