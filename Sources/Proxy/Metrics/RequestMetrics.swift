/// Counts and histograms of requests on one event loop, a row per combination of what the labels are
/// made from. Nobody else touches them; `ProxyMetrics` merges the loops' rows when it collects.
struct RequestMetrics {
    /// What a row's labels follow from.
    struct Key: Hashable {
        var listener: UInt16
        /// `.max` when the request was not routed.
        var cluster: UInt16
        var sourcePeer: UInt32
        var destinationPeer: UInt32
        var status: UInt16
        var flags: UInt16
    }

    struct Row {
        var key: Key
        var count: UInt64 = 0
        var duration = RequestHistogram()
        var requestBytes = RequestHistogram()
        var responseBytes = RequestHistogram()
    }

    /// Requests past this many label sets are counted with peers unknown.
    private static let rowsMax = 4_096

    private(set) var rows: [Row] = []
    private var indices: [Key: Int] = [:]
    private var last = -1

    mutating func record(
        _ key: Key, milliseconds: Double, requestBytes: UInt64, responseBytes: UInt64
    ) {
        let index = row(key)
        rows[index].count &+= 1
        rows[index].duration.record(milliseconds)
        rows[index].requestBytes.record(Double(requestBytes))
        rows[index].responseBytes.record(Double(responseBytes))
    }

    private mutating func row(_ key: Key) -> Int {
        if last >= 0, rows[last].key == key { return last }
        if let index = indices[key] {
            last = index
            return index
        }
        var key = key
        if rows.count >= Self.rowsMax {
            key.sourcePeer = 0
            key.destinationPeer = 0
            if let index = indices[key] { return index }
        }
        rows.append(Row(key: key))
        indices[key] = rows.count - 1
        last = rows.count - 1
        return last
    }
}

/// A histogram with the bounds that Envoy uses unless told otherwise
/// (envoy/source/common/stats/histogram_impl.cc), which are Istio's for times and sizes alike.
package struct RequestHistogram: Sendable, Equatable {
    package static let bounds: [Double] = [
        0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
        600_000, 1_800_000, 3_600_000,
    ]

    /// Values in `(bounds[i-1], bounds[i]]`; the last is above all bounds.
    package private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    package private(set) var sum = 0.0

    package init() {}

    package var count: UInt64 { counts.reduce(0, &+) }

    package mutating func record(_ value: Double) {
        var index = 0
        while index < Self.bounds.count, value > Self.bounds[index] { index += 1 }
        counts[index] &+= 1
        sum += value
    }

    package mutating func add(_ other: RequestHistogram) {
        for index in 0..<counts.count { counts[index] &+= other.counts[index] }
        sum += other.sum
    }
}
