import Glibc
import Platform
import Testing

@Suite struct FileSystemTests {
    private let system = PosixFileSystem()

    @Test("appended bytes are read back, listed and cut off")
    func files() throws {
        try withFolder { folder in
            let path = folder + "/a/b/file"
            try system.createDirectory(folder + "/a/b")
            try system.createDirectory(folder + "/a/b")
            let file = try system.openForAppending(path)
            let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0) }
            try file.append(bytes)
            try file.append([])
            #expect(file.length == 3_000_000)
            #expect(try system.readAll(path) == bytes)
            try file.truncate(to: 10)
            try file.append([77])
            try file.sync()
            try system.syncDirectory(folder + "/a/b")
            #expect(try system.readAll(path) == Array(bytes[..<10]) + [77])
            #expect(
                try system.list(folder + "/a/b") == [
                    DirectoryEntry(name: "file", isDirectory: false, bytes: 11)
                ])
            #expect(try system.list(folder).map(\.isDirectory) == [true])
            try file.close()
            try file.close()
            #expect(throws: FileError(.append, path: path, code: EBADF)) { try file.append([1]) }
            let again = try system.openForAppending(path)
            #expect(again.length == 11)
            try system.rename(path, to: path + "2")
            try system.remove(path + "2")
            #expect(try system.list(folder + "/a/b").isEmpty)
        }
    }

    @Test("reading a range stops at the end of the file")
    func ranges() throws {
        try withFolder { folder in
            let path = folder + "/file"
            try system.openForAppending(path).append([1, 2, 3, 4, 5])
            var buffer = [UInt8](repeating: 0, count: 4)
            let tail = try buffer.withUnsafeMutableBytes {
                try system.read(path, from: 2, into: $0)
            }
            #expect(tail == 3 && buffer == [3, 4, 5, 0])
            let none = try buffer.withUnsafeMutableBytes {
                try system.read(path, from: 9, into: $0)
            }
            #expect(none == 0)
        }
    }

    @Test("an error names the operation, the path and the reason")
    func errors() throws {
        let path = "/nonexistent/file"
        #expect(throws: FileError(.open, path: path, code: ENOENT)) {
            try system.openForAppending(path)
        }
        #expect(throws: FileError(.list, path: path, code: ENOENT)) { try system.list(path) }
        #expect(
            FileError(.append, path: "/x", code: ENOSPC).description
                == "cannot append to /x: No space left on device (errno 28)")
        #expect(FileError(.append, path: "/x", code: ENOSPC).isDiskFull)
        #expect(throws: FileError(.createDirectory, path: "/dev/null/x", code: ENOTDIR)) {
            try system.createDirectory("/dev/null/x")
        }
    }

    @Test("a real full disk is an error that says so")
    func fullDevice() throws {
        let file = try system.openForAppending("/dev/full")
        #expect(throws: FileError(.append, path: "/dev/full", code: ENOSPC)) {
            try file.append([1])
        }
    }

    @Test("free space is measured")
    func freeSpace() throws {
        #expect(try system.freeBytes(onVolumeOf: "/tmp") > 0)
        #expect(throws: FileError.self) { try system.freeBytes(onVolumeOf: "/nonexistent") }
    }

    @Test("a folder is locked once, by name and process, and free again after release")
    func folderLock() throws {
        try withFolder { folder in
            let lock = try FolderLock(directory: folder)
            #expect(
                throws: FolderLock.Failure.inUse(directory: folder, holder: String(getpid()))
            ) { try FolderLock(directory: folder) }
            lock.release()
            lock.release()
            let second = try FolderLock(directory: folder)
            second.release()
        }
    }

    @Test("a killed process loses nothing written; a loss of power loses what was not synced")
    func simulatedCrashes() throws {
        for seed in UInt64(0)..<50 {
            let system = SimulatedFileSystem(random: SeededRandom(seed: seed))
            try system.createDirectory("/d")
            let file = try system.openForAppending("/d/f")
            try file.append([UInt8](repeating: 1, count: 1_000))
            try file.sync()
            try system.syncDirectory("/d")
            try file.append([UInt8](repeating: 2, count: 3_000))
            system.restart(after: .processKill)
            #expect(throws: FileError(.append, path: "/d/f", code: EBADF)) { try file.append([1]) }
            #expect(try system.readAll("/d/f").count == 4_000)
            _ = try system.openForAppending("/d/unsynced")
            system.restart(after: .powerLoss)
            let left = try system.readAll("/d/f")
            #expect(left.prefix(1_000) == [UInt8](repeating: 1, count: 1_000)[...], "seed \(seed)")
            #expect(left.dropFirst(1_000).allSatisfy { $0 == 0 || $0 == 2 })
        }
    }

    @Test("over many seeds a loss of power keeps, tears and drops unsynced bytes and names")
    func simulatedChoices() throws {
        var lengths: Set<Int> = []
        var holes = 0
        var named = 0
        for seed in UInt64(0)..<200 {
            let system = SimulatedFileSystem(random: SeededRandom(seed: seed))
            let file = try system.openForAppending("f")
            try system.syncDirectory("")
            try file.append([UInt8](repeating: 2, count: 3_000))
            _ = try system.openForAppending("g")
            system.restart(after: .powerLoss)
            let left = try system.readAll("f")
            lengths.insert(left.count)
            if left.contains(0), left.contains(2) { holes += 1 }
            if try system.list("").contains(where: { $0.name == "g" }) { named += 1 }
        }
        #expect(lengths.count > 100 && holes > 50 && (50..<150).contains(named))
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/sidelight-files-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw FileError(.createDirectory, path: "/tmp", code: errno)
        }
        let folder = String(
            decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { removeAll(folder) }
        try body(folder)
    }

    private func removeAll(_ folder: String) {
        do throws(FileError) {
            for entry in try system.list(folder) {
                let path = folder + "/" + entry.name
                if entry.isDirectory { removeAll(path) } else { try system.remove(path) }
            }
        } catch {
            Issue.record("\(error)")
        }
        rmdir(folder)
    }
}
