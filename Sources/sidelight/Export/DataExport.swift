import Foundation
import Platform
import SQLiteStore
import Store

/// Takes an export from the store of a stopped server.
struct DataExport {
    let data: String
    let clock: any Clock

    func run(
        _ request: ExportRequest, into file: ExportFile, progress: (ExportCounts) -> Void
    ) throws -> ExportCounts {
        // Opening it would create it.
        guard FileManager.default.fileExists(atPath: "\(data)/tenants/default") else {
            throw InputError(description: "there is no data directory \(data)")
        }
        let store = try StoppedStore.open(data: data, clock: clock)
        var counts = ExportCounts()
        var failure: InputError?
        do {
            try withoutActuallyEscaping(progress) { progress in
                _ = try ExportSource(spans: store, logs: store, metrics: store).read(request) {
                    lines, added in
                    do throws(InputError) { try file.write(lines) } catch {
                        failure = error
                        return false
                    }
                    counts += added
                    progress(counts)
                    return true
                }
            }
        } catch {
            try store.close()
            throw error
        }
        try store.close()
        if let failure { throw failure }
        return counts
    }
}
