import Foundation
import Platform
import Telemetry

/// The work of `sidelight import`: file after file through the importer into the target.
struct ImportRun {
    let importer: FileImporter
    let sources: ImportSources
    let isShifted: Bool
    let clock: any Clock
    /// Whether each file is told when it is done.
    let isText: Bool

    /// Items of one request or append: enough to make it worth while, little enough for any limit.
    private static let itemsMax = 5_000

    func run(into plan: TargetPlan) async throws -> ImportReport {
        let target = try await plan.open(clock, readAt: importer.readAt)
        do {
            let shift = isShifted ? try await timeShift() : nil
            let report = try await load(into: target, shift: shift, progress: "importing")
            try await target.close()
            return report
        } catch {
            try await target.close()
            throw error
        }
    }

    /// Reads everything to find the latest time. What cannot be read is told when it is loaded.
    private func timeShift() async throws -> TimeShift? {
        let target = LookingTarget(readAt: importer.readAt)
        let silent = ImportRun(
            importer: importer, sources: sources, isShifted: false, clock: clock, isText: false)
        _ = try await silent.load(into: target, shift: nil, progress: nil)
        return await target.latest.map {
            TimeShift(latest: $0, to: importer.readAt, readAt: importer.readAt)
        }
    }

    private func load(
        into target: any ImportTarget, shift: TimeShift?, progress verb: String?
    ) async throws -> ImportReport {
        var report = ImportReport()
        report.skipped = sources.skipped
        var progress = ProgressLine(verb ?? "looking at", clock: clock)
        var bytesDone = 0
        for path in sources.files {
            var file = FileReport(path: path)
            do {
                let input = try InputReader(path: path)
                try await importer.read(input, into: &file) { items, file in
                    for part in items.parts(of: Self.itemsMax) {
                        let part = shift?.apply(to: part) ?? part
                        try await deliver(part, to: target, &file)
                        let done = bytesDone + input.bytesRead
                        progress.show(
                            sources.byteCount > 0 ? Double(done) / Double(sources.byteCount) : nil,
                            path)
                    }
                }
                bytesDone += input.bytesRead
            } catch let error as InputError {
                file.fail("cannot be read: \(error)")
            }
            progress.clear()
            if verb != nil { tell(file) }
            report.files.append(file)
        }
        return report
    }

    private func deliver(
        _ items: ImportItems, to target: any ImportTarget, _ file: inout FileReport
    ) async throws {
        do throws(ImportTargetError) {
            file.note(items, try await target.store(items))
        } catch {
            guard case .refused(let reason) = error else { throw error }
            file.fail(reason)
        }
    }

    private func tell(_ file: FileReport) {
        for line in file.failureText {
            FileHandle.standardError.write(Data("sidelight: \(line)\n".utf8))
        }
        if isText { print(file.text) }
    }
}

extension ImportReport {
    /// The closing lines of the report.
    func summary(isDryRun: Bool) -> String {
        var lines: [String] = []
        if !skipped.isEmpty {
            lines.append(
                "left alone for their names: \(skipped.joined(separator: ", "))")
        }
        let left = total { $0.undecodable.reduce(0) { $0 + $1.count } }
        let refused = total { $0.refused.reduce(0) { $0 + $1.count } }
        var line =
            "\(files.count) file\(files.count == 1 ? "" : "s"): \(total(\.spans)) spans, "
            + "\(total(\.logs)) log records, \(total(\.samples)) samples "
            + (isDryRun ? "read" : "stored")
        if left > 0 { line += "; \(left) left out" }
        if refused > 0 { line += "; \(refused) refused" }
        let bad = files.count { $0.failureCount > 0 }
        if bad > 0 { line += "; \(bad) not read in full" }
        return (lines + [line]).joined(separator: "\n")
    }
}
