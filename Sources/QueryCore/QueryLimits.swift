/// What one query may use. Each limit has the reason beside its default.
package struct QueryLimits: Sendable, Hashable {
    /// Samples held in memory at once, in all intermediate results: 8 bytes each, so 400 MB. Prometheus
    /// has the same default (`--query.max-samples`).
    package var samplesMax = 50_000_000
    /// Series that one selector may return: label sets cost about 1 KB each while they are grouped.
    package var seriesMax = 500_000
    /// Steps of a range query: more than a screen has pixels; Prometheus's fixed bound.
    package var stepsMax = 11_000
    /// Wall time; Prometheus's `--query.timeout`.
    package var duration: Duration = .seconds(120)

    package init() {}
}
