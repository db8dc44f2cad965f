/// What a store says about how it keeps samples.
package struct MetricStorageReport: Sendable {
    /// Metrics that have too many series on a target, the worst first.
    package var overflows: [SeriesOverflow] = []
    /// By time; of one time samples come before their summaries.
    package var blocks: [MetricStorageBlock] = []

    package init() {}
}

/// A metric that has too many series on a target.
package struct SeriesOverflow: Hashable, Sendable {
    package var metric: String
    /// The labels `job` and `instance`; empty if the series have none.
    package var job: String
    package var instance: String
    /// Series that are kept apart.
    package var seriesMax: Int
    /// Samples of further series.
    package var foldedSamples = 0
    /// Of the latest of them, in milliseconds.
    package var lastTime = Int64.min

    package init(metric: String, job: String, instance: String, seriesMax: Int) {
        self.metric = metric
        self.job = job
        self.instance = instance
        self.seriesMax = seriesMax
    }

    /// Adds up what was counted of the same metric and target at different times; the worst come first.
    package static func adding(_ later: [SeriesOverflow], to earlier: [SeriesOverflow])
        -> [SeriesOverflow]
    {
        var sums: [[String]: SeriesOverflow] = [:]
        for overflow in earlier + later {
            let key = [overflow.metric, overflow.job, overflow.instance]
            guard let known = sums[key] else {
                sums[key] = overflow
                continue
            }
            sums[key]?.seriesMax = overflow.seriesMax
            sums[key]?.foldedSamples = known.foldedSamples &+ overflow.foldedSamples
            sums[key]?.lastTime = max(known.lastTime, overflow.lastTime)
        }
        return sums.values.sorted {
            ($1.foldedSamples, $0.metric, $0.instance) < ($0.foldedSamples, $1.metric, $1.instance)
        }
    }
}

/// A file of samples, or of summaries of them.
package struct MetricStorageBlock: Hashable, Sendable {
    /// What it is called, the same as long as it is there.
    package var name: String
    /// Of the first and the last sample, in milliseconds.
    package var times: ClosedRange<Int64>
    package var samples: Int
    package var series: Int
    /// How often samples in it were put together, at most.
    package var level: Int
    /// Milliseconds that a summary stands for; `nil` for samples as they came.
    package var interval: Int64?

    package init(
        name: String, times: ClosedRange<Int64>, samples: Int, series: Int, level: Int,
        interval: Int64? = nil
    ) {
        self.name = name
        self.times = times
        self.samples = samples
        self.series = series
        self.level = level
        self.interval = interval
    }
}
