import QueryCore
import Store
import Telemetry

/// When an alert really fired, as its series `ALERTS` tells: what a replay is held against.
struct RealFirings {
    /// Longer than that without a sample an alert was not firing, in milliseconds: Prometheus's lookback.
    private static let gapMax: Int64 = 300_000

    private let store: any MetricStore

    init(over store: any MetricStore) { self.store = store }

    /// The firings of the alert with this name that have not ended before `from`, by time.
    /// - Parameter interval: between evaluations, in milliseconds.
    func episodes(
        of alert: String, from: Int64, to: Int64, interval: Int64
    ) throws(QueryError) -> [AlertEpisode] {
        let matchers = [
            LabelMatcher(Labels.metricName, .equal, "ALERTS"),
            LabelMatcher("alertname", .equal, alert),
            LabelMatcher("alertstate", .equal, "firing"),
        ]
        var episodes: [AlertEpisode] = []
        do throws(StoreError) {
            let found = try store.selectSeries(matchers, in: from...to)
            var columns = SampleColumns()
            for index in 0..<found.count {
                try found.samples(index, into: &columns)
                let pairs = found.labels(index).pairs.filter {
                    $0.name != Labels.metricName && $0.name != "alertstate"
                }
                episodes += Self.episodes(
                    columns, Labels(pairs), until: to, gapMax: max(Self.gapMax, 2 * interval))
            }
        } catch {
            throw QueryError(error)
        }
        return episodes.sorted {
            $0.firedAt == $1.firedAt
                ? $0.labels.comesBefore($1.labels) : $0.firedAt < $1.firedAt
        }
    }

    private static func episodes(
        _ samples: SampleColumns, _ labels: Labels, until end: Int64, gapMax: Int64
    ) -> [AlertEpisode] {
        var episodes: [AlertEpisode] = []
        var open: (first: Int64, last: Int64)?
        func close(at time: Int64?) {
            guard let one = open else { return }
            episodes.append(
                AlertEpisode(
                    labels: labels, annotations: [], activeAt: one.first, firedAt: one.first,
                    resolvedAt: time, value: 1))
            open = nil
        }
        for (time, value) in zip(samples.times, samples.values) {
            if let last = open?.last, time - last > gapMax { close(at: last) }
            if value.isNaN {
                close(at: time)
            } else {
                open = (open?.first ?? time, time)
            }
        }
        close(at: open.flatMap { end - $0.last > gapMax ? $0.last : nil })
        return episodes
    }
}
