import Store
import Synchronization
import Telemetry

/// The series that the head numbers, with what the journal and the seals know of them.
///
/// A registry only grows. Once most of its series have not been written for long, the engine begins a
/// new one and those still written register again; the old one goes with the last batch it numbered.
final class SeriesRegistry: Sendable {
    private struct State {
        var series = NumberedSeries()
        /// Per series: the journal sequence of the last record with its labels; 0 if none.
        var definedAt: [UInt64] = []
        /// Per series: when it was last sealed, or came, in seconds.
        var lastUse: [UInt32] = []
    }

    private let state = Mutex(State())
    /// Seconds since the epoch.
    private let beganAt: Int64
    /// Fewer series are not worth beginning anew.
    private let countMin: Int

    init(beganAt: Timestamp, countMin: Int) {
        self.beganAt = beganAt.seconds
        self.countMin = countMin
    }

    var count: Int { state.withLock { $0.series.count } }

    /// The series so far; later ones do not show in it.
    var index: SeriesIndex { state.withLock { $0.series.index } }

    /// Numbers the series of a batch. `needsLabels` becomes true for series whose labels no record with
    /// a sequence of at least `floor` holds.
    func number(
        _ batch: MetricBatch, definitionFloor floor: UInt64
    ) -> (numbers: [UInt32], needsLabels: [Bool]) {
        var numbers = [UInt32](repeating: 0, count: batch.seriesCount)
        var needsLabels = [Bool](repeating: false, count: batch.seriesCount)
        state.withLock { state in
            batch.labelBytes.withUnsafeBytes { labels in
                for series in numbers.indices {
                    let id = batch.seriesIDs[series]
                    if let known = state.series.find(id) {
                        numbers[series] = known
                        needsLabels[series] = state.definedAt[Int(known)] < floor
                    } else {
                        numbers[series] = state.series.add(
                            id,
                            labels: UnsafeRawBufferPointer(
                                rebasing: labels[batch.labelRange(series)]))
                        state.definedAt.append(0)
                        state.lastUse.append(.max)
                        needsLabels[series] = true
                    }
                }
            }
        }
        return (numbers, needsLabels)
    }

    /// Notes that the record with this sequence holds the labels of `series`.
    func define(_ series: [UInt32], at sequence: UInt64) {
        state.withLock { state in
            for number in series { state.definedAt[Int(number)] = sequence }
        }
    }

    /// Notes that samples of these series, ascending and with repetitions, came until `now`.
    func use(_ series: [UInt32], at now: Timestamp) {
        let second = UInt32(clamping: now.seconds)
        state.withLock { state in
            var previous: UInt32?
            for number in series where number != previous {
                state.lastUse[Int(number)] = second
                previous = number
            }
        }
    }

    /// A registry begins anew at most once an hour: every series that is still written is then
    /// journalled with its labels once more.
    private static let ageMin: Int64 = 3_600
    /// A series not written for this long has ended; scrapes are minutes apart at most.
    private static let idleMax: Int64 = 900

    /// Whether more than half of the series have ended.
    func isMostlyIdle(at now: Timestamp) -> Bool {
        guard now.seconds - beganAt >= Self.ageMin else { return false }
        return state.withLock { state in
            guard state.series.count >= countMin else { return false }
            let limit = now.seconds - Self.idleMax
            let active = state.lastUse.count { Int64($0) >= limit }
            return active * 2 < state.series.count
        }
    }
}

extension Timestamp {
    /// Whole seconds since the epoch.
    fileprivate var seconds: Int64 { nanoseconds / 1_000_000_000 }
}
