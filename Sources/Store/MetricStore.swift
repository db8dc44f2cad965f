import Telemetry

/// Keeps time series. Times are milliseconds since the epoch; ranges include both ends.
///
/// Reads block and see every acknowledged sample exactly once; of samples with equal series and time
/// the last written wins.
package protocol MetricStore: StartTimeStore {
    func append(
        metrics batch: MetricBatch, digest: ContentHash?, completion: @escaping AppendCompletion)

    /// The series that satisfy all `matchers` and have samples in `range`, by canonical label bytes.
    func selectSeries(
        _ matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> any SeriesSelection

    /// Distinct label names over the series that satisfy `matchers`, sorted.
    func labelNames(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String]

    /// Distinct values of a label over the series that satisfy `matchers`, sorted.
    func labelValues(
        of name: String, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [String]

    /// What `labelNames` or `labelValues` would answer, if nothing needs to be read or computed for it: for
    /// threads that must not wait. `nil` otherwise.
    func listingAtHand(
        _ listing: LabelListing, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) -> [String]?

    /// Metadata by metric family, the latest written.
    func metricMetadata() throws(StoreError) -> [MetricMetadata]

    /// Exemplars in `range` of the series that satisfy all `matchers`, by series and time; a series without
    /// any is left out.
    func exemplars(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesExemplars]

    /// How samples are kept, for whoever operates the store.
    func storageReport() throws(StoreError) -> MetricStorageReport
}

extension MetricStore {
    /// Of a store that has neither bounds nor files.
    package func storageReport() throws(StoreError) -> MetricStorageReport { MetricStorageReport() }

    /// Of a store that keeps no lists.
    package func listingAtHand(
        _ listing: LabelListing, matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) -> [String]? { nil }
}

/// Of which texts a list is made.
package enum LabelListing: Hashable, Sendable {
    case names
    case values(of: String)
}

/// The exemplars of one series, by time.
package struct SeriesExemplars: Hashable, Sendable {
    package var labels: Labels
    /// Their `series` means nothing.
    package var exemplars: [Exemplar]

    package init(labels: Labels, exemplars: [Exemplar]) {
        self.labels = labels
        self.exemplars = exemplars
    }

    /// Each exemplar once, by series and time.
    package static func sorted(_ found: [Labels: Set<Exemplar>]) -> [SeriesExemplars] {
        found.map { labels, exemplars in
            SeriesExemplars(labels: labels, exemplars: exemplars.sorted(by: precedes))
        }.sorted { $0.labels.bytes.lexicographicallyPrecedes($1.labels.bytes) }
    }

    private static func precedes(_ a: Exemplar, _ b: Exemplar) -> Bool {
        a.time == b.time
            ? a.labels.bytes.lexicographicallyPrecedes(b.labels.bytes) : a.time < b.time
    }
}

/// Series found by a selection. Labels are at hand; samples are decoded on demand, a series at a time,
/// from any thread.
package protocol SeriesSelection: Sendable {
    var count: Int { get }
    /// Whether any of the series may have native histograms in the range.
    var mayHoldHistograms: Bool { get }
    func labels(_ index: Int) -> Labels
    /// The labels of all series.
    var list: SeriesList { get }
    /// Replaces the content of `columns` by the samples of series `index` in the selection's range, by
    /// ascending time, no time twice.
    func samples(_ index: Int, into columns: inout SampleColumns) throws(StoreError)
    /// Replaces the content of `aggregates` by one a window, over the samples of series `index`.
    /// - Parameter windows: within the selection's range.
    /// - Returns: false if the series holds native histograms, which have no such aggregates.
    func windowAggregates(
        _ index: Int, _ windows: SampleWindows, into aggregates: inout [WindowAggregate]
    ) throws(StoreError) -> Bool
    /// Times of which samples are no longer all there, ascending; none for most selections.
    var thinnings: [SampleThinning] { get }
    /// Whether aggregates of these windows come from summaries of intervals.
    /// - Parameter endsOnly: whether what is made of them follows from the ends of a window, so that
    ///   looking at all samples would cost little.
    func summaryUse(_ windows: SampleWindows, endsOnly: Bool) -> SummaryUse
}

extension SeriesSelection {
    package var list: SeriesList { SeriesList((0..<count).map(labels)) }
    package var thinnings: [SampleThinning] { [] }
    package func summaryUse(_ windows: SampleWindows, endsOnly: Bool) -> SummaryUse { .none }
}

/// Of samples until `through`, and after the thinning before, the first and the last of every interval are
/// left. Milliseconds.
package struct SampleThinning: Hashable, Sendable {
    package var through: Int64
    /// 0 where all samples are there.
    package var interval: Int64

    package init(through: Int64, interval: Int64) {
        self.through = through
        self.interval = interval
    }
}

/// How aggregates of windows follow from summaries of intervals.
package enum SummaryUse: Sendable {
    /// Samples are at hand, and looking at them costs no more.
    case none
    /// Windows are made of whole intervals: nothing is lost.
    case exact
    /// Some samples are gone, and windows cut intervals: of those that they cut only the first and the last
    /// sample count.
    case approximate
}

/// Samples of one series in columns, by ascending time.
package struct SampleColumns: Sendable {
    package var times: [Int64] = []
    package var values: [Double] = []
    /// Native histogram samples, by ascending time; none for most series.
    package var histograms: [HistogramSample] = []

    package init() {}

    package mutating func removeAll() {
        times.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        histograms.removeAll(keepingCapacity: true)
    }
}

/// A condition on one label, as in PromQL selectors. A missing label has the empty value.
package struct LabelMatcher: Hashable, Sendable {
    package enum Operator: String, Sendable {
        case equal = "="
        case notEqual = "!="
        /// RE2 syntax, anchored at both ends.
        case matches = "=~"
        case doesNotMatch = "!~"
    }

    package var name: String
    package var `operator`: Operator
    package var value: String

    package init(_ name: String, _ operator: Operator, _ value: String) {
        self.name = name
        self.operator = `operator`
        self.value = value
    }
}

extension LabelMatcher: CustomStringConvertible {
    package var description: String { "\(name)\(`operator`.rawValue)\"\(value)\"" }
}
