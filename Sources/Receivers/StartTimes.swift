import Synchronization
import Telemetry
import WireFormats

/// Remembers when cumulative series began to count, so that each start becomes one sample of zero. Without
/// it the first increment of a new counter is lost to `increase`.
///
/// Bounded: of two generations the older is forgotten when the younger is full. A start that was forgotten
/// is written again, which changes nothing.
final class StartTimes: Sendable {
    /// Two generations of 40 bytes an entry: at most 20 MiB.
    static let seriesMax = 262_144
    /// A start longer before its first sample says nothing about the time between; Prometheus's head
    /// reaches about as far back.
    static let ageMaxMilliseconds: Int64 = 3_600_000

    private struct State {
        var young: [SeriesID: Int64] = [:]
        var old: [SeriesID: Int64] = [:]
    }

    private let state = Mutex(State())

    /// The zeros to be stored for starts that are new; empty if there is none.
    func zeros(for starts: [SeriesStart], of batch: MetricBatch) -> MetricBatch {
        var zeros = MetricBatch()
        guard !starts.isEmpty else { return zeros }
        state.withLock { state in
            for start in starts {
                let id = batch.seriesIDs[Int(start.series)]
                let known = state.young[id] ?? state.old[id]
                let age = start.firstSampleTime.subtractingReportingOverflow(start.time)
                guard known != start.time, !age.overflow, age.partialValue > 0,
                    age.partialValue <= Self.ageMaxMilliseconds
                else { continue }
                let series = zeros.append(batch.labels(Int(start.series)))
                if let schema = start.histogramSchema {
                    zeros.histograms.append(
                        HistogramSample(
                            series: series, time: start.time,
                            histogram: NativeHistogram(schema: schema)))
                } else {
                    zeros.append(series: series, time: start.time, value: 0)
                }
            }
        }
        return zeros
    }

    /// Remembers starts whose zeros are stored.
    func remember(_ starts: [SeriesStart], of batch: MetricBatch) {
        guard !starts.isEmpty else { return }
        state.withLock { state in
            for start in starts {
                let id = batch.seriesIDs[Int(start.series)]
                if state.young[id] == nil, state.young.count >= Self.seriesMax {
                    state.old = state.young
                    state.young = [:]
                }
                state.young[id] = start.time
            }
        }
    }
}
