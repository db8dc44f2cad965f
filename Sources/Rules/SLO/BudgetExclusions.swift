import Platform
import Synchronization
import Telemetry

/// A time whose events do not count against an objective: an incident that was not its service's.
package struct BudgetExclusion: Sendable, Hashable {
    /// From 1, in the order of the log; never used again.
    package var number: Int
    package var objective: String
    /// Milliseconds since the epoch, both ends counted from the start of a window on.
    package var from: Int64
    package var to: Int64
    package var reason: String
    /// Who excluded it, and who took that back.
    package var by: String
    package var at: Timestamp
    package var revokedBy: String?
    package var revokedAt: Timestamp?
}

/// The times whose events do not count against an objective, by its id; milliseconds since the epoch.
package typealias ExcludedTimes = @Sendable (_ objective: String) -> [ClosedRange<Int64>]

/// Exclusions and who made them: a log that is only appended to, one JSON object a line, so that what was
/// done to a budget can be read for ever.
package final class ExclusionLog: Sendable {
    package struct Failure: Error, CustomStringConvertible, Sendable {
        package var description: String
    }

    /// Of all objectives together: more are no incidents.
    private static let entriesMax = 10_000
    /// Longest reason and name, in bytes.
    private static let textMax = 1_000

    private let path: String
    private let files: any FileSystem
    private let state: Mutex<State>

    private struct State {
        var entries: [BudgetExclusion] = []
        /// Bytes of the log that are whole lines; what lies behind was torn by a crash.
        var length: Int64 = 0
    }

    /// Reads the log; it need not exist. A last line that was torn by a crash was never acknowledged and is
    /// written over.
    /// - Throws: what is wrong with it, with its line.
    package init(
        path: String, files: any FileSystem = PosixFileSystem()
    ) throws(Failure) {
        self.path = path
        self.files = files
        var state = State()
        let bytes = try Self.content(path, files)
        let whole = bytes[..<((bytes.lastIndex(of: 0x0A) ?? -1) + 1)]
        for (index, line) in whole.split(separator: 0x0A).enumerated() {
            do {
                try Self.apply(try ExclusionLine(json: Array(line)), to: &state.entries)
            } catch {
                throw Failure(description: "\(path):\(index + 1): no exclusion: \(error)")
            }
        }
        state.length = Int64(whole.count)
        self.state = Mutex(state)
    }

    /// All that were ever made, oldest first.
    package func all(of objective: String) -> [BudgetExclusion] {
        state.withLock { $0.entries.filter { $0.objective == objective } }
    }

    /// Those that hold.
    package func ranges(of objective: String) -> [ClosedRange<Int64>] {
        all(of: objective).filter { $0.revokedAt == nil }.map { $0.from...$0.to }
    }

    /// - Returns: the exclusion, durable.
    package func exclude(
        _ objective: String, from: Int64, to: Int64, reason: String, by: String, at now: Timestamp
    ) throws(Failure) -> BudgetExclusion {
        guard from < to else { throw Failure(description: "from is not before to") }
        for (name, text) in [("reason", reason), ("by", by)] {
            guard !text.isEmpty, text.utf8.count <= Self.textMax else {
                throw Failure(
                    description: "\(name) must have between 1 and \(Self.textMax) bytes")
            }
        }
        let line = ExclusionLine(
            objective: objective, from: from, to: to, reason: reason, by: by,
            at: now.milliseconds, revokes: nil)
        return try append(line)
    }

    package func revoke(
        _ number: Int, of objective: String, by: String, at now: Timestamp
    ) throws(Failure) -> BudgetExclusion {
        guard !by.isEmpty, by.utf8.count <= Self.textMax else {
            throw Failure(description: "by must have between 1 and \(Self.textMax) bytes")
        }
        let line = ExclusionLine(
            objective: objective, from: nil, to: nil, reason: nil, by: by, at: now.milliseconds,
            revokes: number)
        return try append(line)
    }

    private func append(_ line: ExclusionLine) throws(Failure) -> BudgetExclusion {
        try state.withLock { state throws(Failure) in
            var changed = state
            let entry = try Self.apply(line, to: &changed.entries)
            do {
                let bytes = try line.json + [0x0A]
                let file = try files.openForAppending(path)
                // Part of a line whose writing failed must not become part of this one.
                try file.truncate(to: state.length)
                try file.append(bytes)
                try file.sync()
                try file.close()
                changed.length += Int64(bytes.count)
            } catch {
                throw Failure(description: "cannot write \(path): \(error)")
            }
            state = changed
            return entry
        }
    }

    @discardableResult
    private static func apply(
        _ line: ExclusionLine, to entries: inout [BudgetExclusion]
    ) throws(Failure) -> BudgetExclusion {
        let at = Timestamp(milliseconds: line.at)
        if let number = line.revokes {
            guard
                let index = entries.firstIndex(where: {
                    $0.number == number && $0.objective == line.objective && $0.revokedAt == nil
                })
            else {
                throw Failure(
                    description: "\(line.objective) has no exclusion \(number) that holds")
            }
            entries[index].revokedAt = at
            entries[index].revokedBy = line.by
            return entries[index]
        }
        guard let from = line.from, let to = line.to, from < to, let reason = line.reason else {
            throw Failure(description: "from, to and reason are missing")
        }
        guard entries.count < entriesMax else {
            throw Failure(description: "there are \(entriesMax) exclusions already")
        }
        entries.append(
            BudgetExclusion(
                number: (entries.last?.number ?? 0) + 1, objective: line.objective, from: from,
                to: to, reason: reason, by: line.by, at: at))
        return entries[entries.count - 1]
    }

    private static func content(
        _ path: String, _ files: any FileSystem
    ) throws(Failure) -> [UInt8] {
        do throws(FileError) {
            return try files.readAll(path)
        } catch {
            if error.isMissing { return [] }
            throw Failure(description: "cannot read \(path): \(error)")
        }
    }
}
