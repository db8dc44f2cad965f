import Glibc
import Synchronization

/// Files in memory that fail, fill up, and lose power on request: what tests of durable code run on.
///
/// The model: bytes written live in the page cache; `sync` makes a file's bytes durable, `syncDirectory`
/// the names in a directory. A killed process loses nothing that a call had written. A loss of power
/// keeps, of each file, every durable byte that was not overwritten or cut, and any choice of 512-byte
/// sectors of the rest (a lost one reads as zeros or as before); of the changes to names a prefix in
/// the order they were made. Directories themselves are durable at once. All choices come from `random`.
package final class SimulatedFileSystem: FileSystem {
    /// Calls that are to fail.
    package struct Fault: Sendable {
        /// `nil`: any.
        package var operations: Set<FileError.Operation>?
        /// `nil`: any path.
        package var pathContains: String?
        /// Matching calls that still succeed before the first that fails.
        package var after: Int
        /// Failures until the fault is used up.
        package var times: Int
        /// The `errno` of the failure. An append that fails may still have written a part.
        package var code: Int32

        package init(
            _ operations: Set<FileError.Operation>? = nil, pathContains: String? = nil,
            after: Int = 0, times: Int = 1, code: Int32 = EIO
        ) {
            self.operations = operations
            self.pathContains = pathContains
            self.after = after
            self.times = times
            self.code = code
        }
    }

    package enum Crash: Sendable, CaseIterable {
        /// `kill -9`: what calls had written stays.
        case processKill
        case powerLoss
    }

    private let state: Mutex<SimulatedDisk>

    package init(random: any RandomSource) {
        state = Mutex(SimulatedDisk(random: random))
    }

    // MARK: Making things go wrong

    package func inject(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }

    package func clearFaults() { state.withLock { $0.faults = [] } }

    /// Bytes that all files together may hold; more fails with `ENOSPC`. `nil`: no bound.
    package func setCapacity(bytes: Int?) { state.withLock { $0.capacity = bytes } }

    /// Lets `count` more calls through; the one after it stops half way, and it and all later ones fail
    /// with `EIO` until `restart`: the process is as good as dead.
    package func stopWorking(after count: Int) { state.withLock { $0.callsUntilStop = count } }

    /// Whether the point set by `stopWorking` was reached.
    package var hasStopped: Bool { state.withLock { $0.hasStopped } }

    /// The process dies now and another begins: open files are closed, faults are cleared.
    package func restart(after crash: Crash) {
        state.withLock { $0.restart(losingPower: crash == .powerLoss) }
    }

    /// Inverts the bits of `mask` in one byte of a file, as a bad disk does.
    package func corrupt(_ path: String, at offset: Int, mask: UInt8) throws(FileError) {
        try state.withLock { state throws(FileError) in
            try state.corrupt(path, at: offset, mask: mask)
        }
    }

    /// Calls made so far.
    package var calls: Int { state.withLock { $0.calls } }

    // MARK: FileSystem

    package func openForAppending(_ path: String) throws(FileError) -> any AppendFile {
        let (id, generation) = try state.withLock { state throws(FileError) in
            (try state.open(path), state.generation)
        }
        return SimulatedFile(system: self, path: path, id: id, generation: generation)
    }

    package func read(
        _ path: String, from offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int {
        let content = try state.withLock { state throws(FileError) in try state.content(of: path) }
        let start = Int(clamping: offset)
        guard start >= 0 else { throw FileError(.read, path: path, code: EINVAL) }
        let part = content.dropFirst(start).prefix(buffer.count)
        buffer.copyBytes(from: part)
        return part.count
    }

    package func list(_ directory: String) throws(FileError) -> [DirectoryEntry] {
        try state.withLock { state throws(FileError) in try state.list(directory) }
    }

    package func remove(_ path: String) throws(FileError) {
        try state.withLock { state throws(FileError) in try state.remove(path) }
    }

    package func rename(_ path: String, to newPath: String) throws(FileError) {
        try state.withLock { state throws(FileError) in try state.rename(path, to: newPath) }
    }

    package func createDirectory(_ path: String) throws(FileError) {
        try state.withLock { state throws(FileError) in try state.createDirectory(path) }
    }

    package func syncDirectory(_ path: String) throws(FileError) {
        try state.withLock { state throws(FileError) in try state.syncDirectory(path) }
    }

    fileprivate func withDisk<Value: Sendable>(
        _ body: (inout SimulatedDisk) throws(FileError) -> Value
    ) throws(FileError) -> Value {
        try state.withLock { state throws(FileError) in try body(&state) }
    }
}

private final class SimulatedFile: AppendFile {
    private let system: SimulatedFileSystem
    private let path: String
    private let id: Int
    /// Restarts before this file was opened: after another one it is closed.
    private let generation: Int
    private let isClosed = Atomic(false)

    init(system: SimulatedFileSystem, path: String, id: Int, generation: Int) {
        self.system = system
        self.path = path
        self.id = id
        self.generation = generation
    }

    var length: Int64 {
        do throws(FileError) {
            let id = id
            return try system.withDisk { disk in Int64(disk.length(of: id)) }
        } catch {
            return 0
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try call(.append) { disk, id throws(FileError) in
            try disk.append(bytes, to: id, path: self.path)
        }
    }

    func sync() throws(FileError) {
        try call(.sync) { disk, id throws(FileError) in try disk.sync(id, path: self.path) }
    }

    func truncate(to length: Int64) throws(FileError) {
        try call(.truncate) { disk, id throws(FileError) in
            try disk.truncate(id, path: self.path, to: Int(clamping: length))
        }
    }

    func close() throws(FileError) { isClosed.store(true, ordering: .releasing) }

    private func call(
        _ operation: FileError.Operation,
        _ body: (inout SimulatedDisk, Int) throws(FileError) -> Void
    ) throws(FileError) {
        let id = id
        let closed = isClosed.load(ordering: .acquiring)
        try system.withDisk { disk throws(FileError) in
            guard !closed, generation == disk.generation else {
                throw FileError(operation, path: path, code: EBADF)
            }
            try body(&disk, id)
        }
    }
}
