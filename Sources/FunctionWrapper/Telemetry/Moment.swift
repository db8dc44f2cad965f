import Platform
import Telemetry

/// An instant on both clocks: the wall's for where a span stands, the steady one for how long it took.
struct Moment: Sendable {
    var wall: Timestamp
    var monotonicNanoseconds: Int64

    init(_ clock: some Clock) {
        wall = Timestamp(nanoseconds: clock.wallNanoseconds)
        monotonicNanoseconds = clock.monotonicNanoseconds
    }

    func nanoseconds(since earlier: Moment) -> Int64 {
        max(0, monotonicNanoseconds &- earlier.monotonicNanoseconds)
    }

    func seconds(since earlier: Moment) -> Double { Double(nanoseconds(since: earlier)) / 1e9 }
}
