import Store
import Synchronization
import Telemetry

/// The series that the head numbers, with what the journal and the seals know of them.
///
/// A registry only grows. Once most of its series have not been written for long, the engine begins a
/// new one and those still written register again; the old one goes with the last batch it numbered.
final class SeriesRegistry: Sendable {
    fileprivate struct State {
        var series = NumberedSeries()
        /// Per series: the journal sequence of the last record with its labels; 0 if none.
        var definedAt: [UInt64] = []
        /// Per series: when it was last sealed, or came, in seconds.
        var lastUse: [UInt32] = []
        /// Per series: where the allowance counts it; 0 if nowhere.
        var places: [UInt64] = []
        var allowance: SeriesAllowance
        var starts = SeriesStartMarks()

        init(seriesPerTargetMax: Int) {
            allowance = SeriesAllowance(seriesMax: seriesPerTargetMax)
        }
    }

    /// Tells registries apart, also after they are gone.
    final class Identity: Sendable {}

    let identity = Identity()
    private let state: Mutex<State>
    /// Seconds since the epoch.
    private let beganAt: Int64
    /// Fewer series are not worth beginning anew.
    private let countMin: Int

    init(beganAt: Timestamp, countMin: Int, seriesPerTargetMax: Int) {
        state = Mutex(State(seriesPerTargetMax: seriesPerTargetMax))
        self.beganAt = beganAt.seconds
        self.countMin = countMin
    }

    var count: Int { state.withLock { $0.series.count } }

    /// The series so far; later ones do not show in it.
    var index: SeriesIndex { state.withLock { $0.series.index } }

    /// Whether nobody numbers series just now, which may take tens of milliseconds.
    var isFree: Bool { state.withLockIfAvailable { _ in true } ?? false }

    /// Series of a batch with their numbers.
    struct Numbered {
        var batch: MetricBatch
        var numbers: [UInt32]
        /// Whether no record with a sequence of at least the floor holds the labels of a series.
        var needsLabels: [Bool]
        /// Samples of series beyond what their metric may have on its target.
        var foldedSamples = 0
        /// Metrics that had none such before.
        var overflows: [SeriesOverflow] = []
    }

    /// Numbers the series of a batch. What is beyond the bound on series is part of others afterwards.
    func number(_ batch: MetricBatch, definitionFloor floor: UInt64) -> Numbered {
        state.withLock { state in
            var beyond: [Int] = []
            let numbered = state.number(batch, floor: floor, beyond: &beyond)
            if beyond.isEmpty { return numbered }
            let before = state.allowance.foldedSamples
            let folded = state.allowance.folding(batch, beyond: beyond)
            // What stands for the others is admitted, and native histograms are not bounded.
            var whole = state.number(folded, floor: floor, beyond: &beyond, admitsAll: true)
            whole.foldedSamples = state.allowance.foldedSamples - before
            whole.overflows = state.allowance.takeNewOverflows()
            return whole
        }
    }

    var overflows: [SeriesOverflow] { state.withLock { $0.allowance.overflows } }

    /// Notes that the record with this sequence holds the labels of `series`.
    func define(_ series: [UInt32], at sequence: UInt64) {
        state.withLock { state in
            for number in series { state.definedAt[Int(number)] = sequence }
        }
    }

    /// Those of a batch's starts that no journalled batch has told.
    func newStarts(_ starts: [SeriesStart], _ numbers: [UInt32]) -> [SeriesStart] {
        starts.isEmpty ? [] : state.withLock { $0.starts.new(starts, numbers) }
    }

    /// Notes starts of a journalled batch.
    func keep(_ starts: DaySamples) {
        if !starts.series.isEmpty { state.withLock { $0.starts.keep(starts) } }
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

    /// Series that have ended make room for others on their targets.
    func freePlaces(at now: Timestamp) {
        let limit = now.seconds - Self.idleMax
        state.withLock { state in
            let lastUse = state.lastUse
            state.allowance.recount(state.places) { Int64(lastUse[$0]) >= limit }
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

extension SeriesRegistry.State {
    /// - Parameter beyond: gets the series that are not admitted and have no number.
    fileprivate mutating func number(
        _ batch: MetricBatch, floor: UInt64, beyond: inout [Int], admitsAll: Bool = false
    ) -> SeriesRegistry.Numbered {
        var numbers = [UInt32](repeating: 0, count: batch.seriesCount)
        var needsLabels = [Bool](repeating: false, count: batch.seriesCount)
        var labels: [UInt8] = []
        for index in numbers.indices {
            let id = batch.seriesIDs[index]
            if let known = series.find(id) {
                numbers[index] = known
                needsLabels[index] = definedAt[Int(known)] < floor
                continue
            }
            labels.removeAll(keepingCapacity: true)
            batch.appendLabels(of: index, to: &labels)
            labels.withUnsafeBytes { labels in
                guard let place = admitsAll ? 0 : allowance.admit(labels) else {
                    beyond.append(index)
                    return
                }
                numbers[index] = series.add(id, labels: labels)
                definedAt.append(0)
                lastUse.append(.max)
                places.append(place)
                needsLabels[index] = true
            }
        }
        return SeriesRegistry.Numbered(batch: batch, numbers: numbers, needsLabels: needsLabels)
    }
}

extension Timestamp {
    /// Whole seconds since the epoch.
    fileprivate var seconds: Int64 { nanoseconds / 1_000_000_000 }
}
