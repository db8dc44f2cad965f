import Glibc

/// The state behind `SimulatedFileSystem`: what is written, what of it is durable, what is to fail.
struct SimulatedDisk {
    private struct Inode {
        var content: [UInt8] = []
        var durable: [UInt8] = []
    }

    /// A change to names that a loss of power may undo.
    private enum NameChange {
        case bind(path: String, id: Int)
        case unbind(path: String)
        case rename(path: String, newPath: String)

        var path: String {
            switch self {
            case .bind(let path, _), .unbind(let path), .rename(let path, _): path
            }
        }
    }

    private static let sectorBytes = 512

    var faults: [SimulatedFileSystem.Fault] = []
    var capacity: Int?
    /// `nil`: never.
    var callsUntilStop: Int?
    private(set) var hasStopped = false
    private(set) var calls = 0
    private(set) var generation = 0
    private let random: any RandomSource
    private var inodes: [Int: Inode] = [:]
    private var nextID = 1
    private var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    private var pendingChanges: [NameChange] = []
    private var directories: Set<String> = ["", "/", "."]

    init(random: any RandomSource) { self.random = random }

    // MARK: Calls

    mutating func open(_ path: String) throws(FileError) -> Int {
        try begin(.open, path)
        guard directories.contains(SimulatedDisk.parent(of: path)) else {
            throw FileError(.open, path: path, code: ENOENT)
        }
        if let id = names[path] { return id }
        let id = nextID
        nextID += 1
        inodes[id] = Inode()
        apply(.bind(path: path, id: id))
        return id
    }

    func length(of id: Int) -> Int { inodes[id]?.content.count ?? 0 }

    mutating func append(
        _ bytes: UnsafeRawBufferPointer, to id: Int, path: String
    ) throws(FileError) {
        let wasDead = hasStopped
        do throws(FileError) {
            try begin(.append, path)
        } catch {
            if !wasDead {
                write(bytes.prefix(Int(random.next(below: UInt64(bytes.count + 1)))), to: id)
            }
            throw error
        }
        let room = capacity.map { max(0, $0 - totalBytes) } ?? .max
        write(bytes.prefix(room), to: id)
        if room < bytes.count { throw FileError(.append, path: path, code: ENOSPC) }
    }

    mutating func sync(_ id: Int, path: String) throws(FileError) {
        try begin(.sync, path)
        guard let content = inodes[id]?.content else { return }
        inodes[id]?.durable = content
    }

    mutating func truncate(_ id: Int, path: String, to length: Int) throws(FileError) {
        try begin(.truncate, path)
        guard let content = inodes[id]?.content, length <= content.count else {
            throw FileError(.truncate, path: path, code: EINVAL)
        }
        inodes[id]?.content = Array(content.prefix(length))
    }

    mutating func content(of path: String) throws(FileError) -> [UInt8] {
        try begin(.read, path)
        guard let id = names[path], let inode = inodes[id] else {
            throw FileError(.read, path: path, code: ENOENT)
        }
        return inode.content
    }

    mutating func list(_ directory: String) throws(FileError) -> [DirectoryEntry] {
        try begin(.list, directory)
        guard directories.contains(directory) else {
            throw FileError(.list, path: directory, code: ENOENT)
        }
        var entries: [DirectoryEntry] = []
        for (path, id) in names where SimulatedDisk.parent(of: path) == directory {
            entries.append(
                DirectoryEntry(
                    name: SimulatedDisk.name(of: path), isDirectory: false,
                    bytes: Int64(length(of: id))))
        }
        for path in directories
        where !path.isEmpty && path != "/" && SimulatedDisk.parent(of: path) == directory {
            entries.append(
                DirectoryEntry(name: SimulatedDisk.name(of: path), isDirectory: true, bytes: 0))
        }
        return entries.sorted { $0.name < $1.name }
    }

    mutating func remove(_ path: String) throws(FileError) {
        try begin(.remove, path)
        guard names[path] != nil else { throw FileError(.remove, path: path, code: ENOENT) }
        apply(.unbind(path: path))
    }

    mutating func rename(_ path: String, to newPath: String) throws(FileError) {
        try begin(.rename, path)
        guard names[path] != nil else { throw FileError(.rename, path: path, code: ENOENT) }
        apply(.rename(path: path, newPath: newPath))
    }

    mutating func createDirectory(_ path: String) throws(FileError) {
        try begin(.createDirectory, path)
        var path = path
        while directories.insert(path).inserted { path = SimulatedDisk.parent(of: path) }
    }

    mutating func syncDirectory(_ path: String) throws(FileError) {
        try begin(.syncDirectory, path)
        guard directories.contains(path) else {
            throw FileError(.syncDirectory, path: path, code: ENOENT)
        }
        for change in pendingChanges where SimulatedDisk.parent(of: change.path) == path {
            SimulatedDisk.apply(change, to: &durableNames)
        }
        pendingChanges.removeAll { SimulatedDisk.parent(of: $0.path) == path }
    }

    mutating func corrupt(_ path: String, at offset: Int, mask: UInt8) throws(FileError) {
        guard let id = names[path], let content = inodes[id]?.content, offset < content.count
        else { throw FileError(.read, path: path, code: ENOENT) }
        inodes[id]?.content[offset] ^= mask
        if let durable = inodes[id]?.durable, offset < durable.count {
            inodes[id]?.durable[offset] ^= mask
        }
    }

    // MARK: Crashing

    mutating func restart(losingPower: Bool) {
        generation += 1
        faults = []
        callsUntilStop = nil
        hasStopped = false
        guard losingPower else { return }
        let kept = Int(random.next(below: UInt64(pendingChanges.count + 1)))
        for change in pendingChanges.prefix(kept) {
            SimulatedDisk.apply(change, to: &durableNames)
        }
        pendingChanges = []
        names = durableNames
        for id in inodes.keys.sorted() {
            guard let inode = inodes[id] else { continue }
            let survivor = survivingContent(of: inode)
            inodes[id] = Inode(content: survivor, durable: survivor)
        }
    }

    private func survivingContent(of inode: Inode) -> [UInt8] {
        let shorter = min(inode.content.count, inode.durable.count)
        let longer = max(inode.content.count, inode.durable.count)
        // A cut is a change of metadata: done or not. Growth may stop anywhere.
        let length =
            inode.content.count < inode.durable.count
            ? (random.next() & 1 == 0 ? shorter : longer)
            : shorter + Int(random.next(below: UInt64(longer - shorter + 1)))
        var bytes = [UInt8](repeating: 0, count: length)
        var start = 0
        while start < length {
            let end = min(start + SimulatedDisk.sectorBytes, length)
            let source = random.next() & 1 == 0 ? inode.content : inode.durable
            let fallback = inode.durable
            for index in start..<end {
                if index < source.count {
                    bytes[index] = source[index]
                } else if index < fallback.count {
                    bytes[index] = fallback[index]
                }
            }
            start = end
        }
        return bytes
    }

    // MARK: Parts

    private var totalBytes: Int {
        names.values.reduce(0) { $0 + length(of: $1) }
    }

    private mutating func write(_ bytes: Slice<UnsafeRawBufferPointer>, to id: Int) {
        inodes[id]?.content.append(contentsOf: bytes)
    }

    /// Counts the call; throws if it is to fail.
    private mutating func begin(
        _ operation: FileError.Operation, _ path: String
    ) throws(FileError) {
        calls += 1
        if hasStopped { throw FileError(operation, path: path, code: EIO) }
        if let left = callsUntilStop {
            if left == 0 {
                hasStopped = true
                throw FileError(operation, path: path, code: EIO)
            }
            callsUntilStop = left - 1
        }
        for index in faults.indices where matches(faults[index], operation, path) {
            guard faults[index].after == 0 else {
                faults[index].after -= 1
                continue
            }
            let code = faults[index].code
            faults[index].times -= 1
            if faults[index].times == 0 { faults.remove(at: index) }
            throw FileError(operation, path: path, code: code)
        }
    }

    private func matches(
        _ fault: SimulatedFileSystem.Fault, _ operation: FileError.Operation, _ path: String
    ) -> Bool {
        fault.operations?.contains(operation) ?? true
            && (fault.pathContains.map { SimulatedDisk.contains(path, $0) } ?? true)
    }

    private mutating func apply(_ change: NameChange) {
        SimulatedDisk.apply(change, to: &names)
        pendingChanges.append(change)
    }

    private static func apply(_ change: NameChange, to names: inout [String: Int]) {
        switch change {
        case .bind(let path, let id): names[path] = id
        case .unbind(let path): names[path] = nil
        case .rename(let path, let newPath):
            names[newPath] = names[path]
            names[path] = nil
        }
    }

    private static func contains(_ text: String, _ part: String) -> Bool {
        let text = Array(text.utf8)
        let part = Array(part.utf8)
        guard part.count <= text.count else { return false }
        return (0...text.count - part.count).contains { start in
            text[start...].starts(with: part)
        }
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func name(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        return String(path[path.index(after: slash)...])
    }
}
