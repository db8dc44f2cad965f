import Foundation
import Platform
import Store
import Telemetry

extension MetricEngine {
    /// Copies samples and summaries below `folder`, day by day, each as of one instant.
    func snapshot(to folder: String) throws(StoreError) {
        for directory in [partitions] + rollups.map(\.partitions) {
            let name = directory.directory.split(separator: "/").last ?? "metrics"
            let target = "\(folder)/\(name)"
            do {
                try FileManager.default.createDirectory(
                    atPath: target, withIntermediateDirectories: true)
            } catch {
                throw .writeFailed(path: target, reason: error.localizedDescription)
            }
            for day in directory.days {
                try directory.partition(for: day).copy(to: "\(target)/\(day.name).db")
            }
        }
    }
}

extension SQLiteTelemetryStore: MetricAdministration {
    package func deleteSeries(
        matchingAny sets: [[LabelMatcher]], in range: ClosedRange<Int64>
    ) throws(StoreError) {
        try metrics.deleteSeries(matchingAny: sets, in: range)
    }

    package func snapshotMetrics(includesHead: Bool) throws(StoreError) -> String {
        if includesHead { try metrics.seal() }
        var time: [UInt8] = []
        RFC3339.append(Timestamp(nanoseconds: clock.wallNanoseconds), to: &time)
        let name = String(decoding: time, as: UTF8.self).filter { $0 != "-" && $0 != ":" }
        let folder = "\(directory)/snapshots/\(name)"
        guard !FileManager.default.fileExists(atPath: folder) else {
            throw .writeFailed(path: folder, reason: "it is there already; try again")
        }
        try metrics.snapshot(to: "\(folder)/tenants/default")
        return folder
    }
}
