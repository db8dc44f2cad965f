import Glibc
import Synchronization

/// Where the time comes from. Everything that waits, expires or stamps takes one, so that tests decide
/// what time it is.
package protocol Clock: Sendable {
    /// Wall-clock nanoseconds since 1970-01-01T00:00:00Z; may jump.
    var wallNanoseconds: Int64 { get }
    /// Nanoseconds on a clock that never goes back; only differences mean anything.
    var monotonicNanoseconds: Int64 { get }
}

/// The machine's clocks.
package struct SystemClock: Clock {
    package init() {}

    package var wallNanoseconds: Int64 { Self.read(CLOCK_REALTIME) }
    package var monotonicNanoseconds: Int64 { Self.read(CLOCK_MONOTONIC) }

    private static func read(_ id: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(id, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// A clock that stands still until it is moved.
package final class ManualClock: Clock {
    private let wall: Atomic<Int64>
    private let monotonic = Atomic<Int64>(0)

    package init(wallNanoseconds: Int64) { wall = Atomic(wallNanoseconds) }

    package var wallNanoseconds: Int64 { wall.load(ordering: .acquiring) }
    package var monotonicNanoseconds: Int64 { monotonic.load(ordering: .acquiring) }

    /// Moves both clocks on.
    package func advance(byNanoseconds delta: Int64) {
        wall.wrappingAdd(delta, ordering: .acquiringAndReleasing)
        monotonic.wrappingAdd(delta, ordering: .acquiringAndReleasing)
    }

    /// Moves the wall clock alone, as an administrator or NTP does.
    package func setWall(nanoseconds: Int64) { wall.store(nanoseconds, ordering: .releasing) }
}
