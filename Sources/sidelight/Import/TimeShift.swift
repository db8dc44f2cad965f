import Telemetry

/// Moves all times of an import by the same amount, so that old files can be looked at as if they had
/// just been sent; distances between items stay.
struct TimeShift: Sendable {
    /// Nanoseconds; whole seconds, so that fractions can still be recognised.
    let nanoseconds: Int64
    /// The time that log records without one of their own were given; it stays.
    private let readAt: Timestamp

    private static let second: Int64 = 1_000_000_000

    /// Moves `latest` into the last second before `now`.
    init(latest: Timestamp, to now: Timestamp, readAt: Timestamp) {
        let distance = now.nanoseconds(since: latest)
        let remainder = distance % Self.second
        nanoseconds =
            (distance - remainder).subtractingReportingOverflow(
                remainder < 0 ? Self.second : 0
            ).partialValue
        self.readAt = readAt
    }

    func apply(to items: ImportItems) -> ImportItems {
        switch items {
        case .spans(var batch):
            move(&batch.starts)
            move(&batch.events.times)
            return .spans(batch)
        case .logs(var batch):
            move(&batch.times)
            move(&batch.observedTimes)
            return .logs(batch)
        case .samples(var batch):
            let milliseconds = nanoseconds / 1_000_000
            for index in batch.sampleTimes.indices { batch.sampleTimes[index] &+= milliseconds }
            for index in batch.histograms.indices {
                batch.histograms[index].time &+= milliseconds
            }
            for index in batch.exemplars.indices { batch.exemplars[index].time &+= milliseconds }
            return .samples(batch)
        }
    }

    /// Zero is "not told" and stays so.
    private func move(_ times: inout [Timestamp]) {
        for index in times.indices where times[index] != .zero && times[index] != readAt {
            times[index] = times[index].advanced(byNanoseconds: nanoseconds)
        }
    }
}
