import Telemetry

/// What an operator may do with stored samples (Prometheus's "TSDB Admin APIs").
package protocol MetricAdministration: Sendable {
    /// Deletes the samples in `range`, milliseconds with both ends, of all series that satisfy every matcher
    /// of any set. What is appended meanwhile stays.
    /// - Throws: `StoreError.unsupported` if only summaries are left of some of them; nothing is deleted then.
    func deleteSeries(
        matchingAny sets: [[LabelMatcher]], in range: ClosedRange<Int64>
    ) throws(StoreError)

    /// Copies all files of the metrics, each as of one instant.
    /// - Parameter includesHead: whether what is not in files yet is written first.
    /// - Returns: the folder, which the program can be started on as its data folder.
    func snapshotMetrics(includesHead: Bool) throws(StoreError) -> String
}
