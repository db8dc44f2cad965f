import Foundation
import Glibc
import Journal
import Platform
import Store
import Synchronization

/// The partition files of one signal: finds them at start, creates them by day, sets damaged ones aside,
/// keeps few open, deletes them when their retention ends.
final class PartitionDirectory: Sendable {
    private struct State {
        var partitions: [UTCDay: Partition] = [:]
        /// Least recently used first.
        var recent: [UTCDay] = []
    }

    let directory: String
    let signal: String
    private let schema: String
    private let durability: Durability
    private let openMax: Int
    private let events: EventLog
    private let state = Mutex(State())

    /// Creates the folder and looks at every day in it. A file that is no database is renamed to
    /// `….damaged` and reported; the other days go on.
    /// - Parameter checksFiles: false leaves that to whoever reads a file first.
    init(
        directory: String, signal: String, schema: String, configuration: StoreConfiguration,
        checksFiles: Bool = true, events: EventLog
    ) throws(StoreError) {
        self.directory = directory
        self.signal = signal
        self.schema = schema
        durability = configuration.durability
        openMax = configuration.openPartitionsMax
        self.events = events
        let names: [String]
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true)
            names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        } catch {
            throw .writeFailed(path: directory, reason: error.localizedDescription)
        }
        for name in names {
            if name.contains(".damaged") && !name.hasSuffix("-wal") && !name.hasSuffix("-shm") {
                events.emit(
                    StoreDamage(
                        kind: "partition", path: "\(directory)/\(name)",
                        reason: "set aside earlier; its day is not answered from it"))
            }
            guard name.hasSuffix(".db"), let day = UTCDay(name.dropLast(3)) else { continue }
            if checksFiles { try adopt(day) } else { _ = partition(for: day) }
        }
    }

    /// Looks at the file of a day, and sets it aside if it is damaged.
    func adopt(_ day: UTCDay) throws(StoreError) {
        let partition = partition(for: day)
        if try DamagedFile.isEmpty(partition.path) {
            events.emit(
                StoreDamage(
                    kind: "partition", path: partition.path, reason: DamagedFile.emptyReason))
        }
        do {
            _ = try partition.sealedThrough()
        } catch .damaged(let path, let reason) {
            try setAside(partition, path: path, reason: reason)
        }
    }

    /// All days present, oldest first.
    var days: [UTCDay] { state.withLock { $0.partitions.keys.sorted() } }

    func contains(_ day: UTCDay) -> Bool { state.withLock { $0.partitions[day] != nil } }

    /// The partition of a day, created (in memory; the file when first used) if there is none.
    func partition(for day: UTCDay) -> Partition {
        let (partition, evicted) = state.withLock { state in
            let partition =
                state.partitions[day]
                ?? Partition(
                    day: day, path: "\(directory)/\(day.name).db", schema: schema,
                    durability: durability)
            state.partitions[day] = partition
            state.recent.removeAll { $0 == day }
            state.recent.append(day)
            var evicted: [Partition] = []
            while state.recent.count > openMax {
                if let old = state.partitions[state.recent.removeFirst()] { evicted.append(old) }
            }
            return (partition, evicted)
        }
        for old in evicted { old.close() }
        return partition
    }

    /// Renames a damaged file, so that its day can go on in a new one, and reports it.
    func setAside(_ partition: Partition, path: String, reason: String) throws(StoreError) {
        partition.close()
        state.withLock { state in
            state.partitions[partition.day] = nil
            state.recent.removeAll { $0 == partition.day }
        }
        events.emit(StoreDamage(kind: "partition", path: path, reason: reason))
        try DamagedFile.setAside(partition.path)
    }

    /// What the file of a day takes, with its log; 0 if there is none yet.
    func bytes(of day: UTCDay) -> Int {
        var bytes = 0
        for suffix in ["", "-wal"] {
            var facts = stat()
            if stat("\(directory)/\(day.name).db\(suffix)", &facts) == 0 {
                bytes += Int(facts.st_size)
            }
        }
        return bytes
    }

    /// Deletes the files of all days that ended before `horizon`; returns those days.
    func removeDays(endedBefore horizon: UTCDay) throws(StoreError) -> [UTCDay] {
        let expired = state.withLock { state in
            let expired = state.partitions.filter { $0.key < horizon }
            for day in expired.keys {
                state.partitions[day] = nil
                state.recent.removeAll { $0 == day }
            }
            return expired
        }
        for partition in expired.values {
            partition.close()
            do {
                for suffix in ["", "-wal", "-shm"]
                where FileManager.default.fileExists(atPath: partition.path + suffix) {
                    try FileManager.default.removeItem(atPath: partition.path + suffix)
                }
            } catch {
                throw .writeFailed(path: partition.path, reason: error.localizedDescription)
            }
            events.emit(StoreExpired(signal: signal, path: partition.path))
        }
        return expired.keys.sorted()
    }

    /// Folds all logs into their files and closes them.
    func close() throws(StoreError) {
        let partitions = state.withLock { $0.partitions.values.filter(\.isOpen) }
        for partition in partitions {
            try partition.checkpoint()
            partition.close()
        }
    }
}
