import Foundation
import Platform
import Receivers
import Store
import Telemetry
import Testing
import WireFormats

@Suite("followed files")
struct FileFollowerTests {
    /// A folder of its own, with a file to follow.
    private final class Folder {
        let path: String

        init() throws {
            path = NSTemporaryDirectory() + "sidelight-follow-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        }

        deinit {
            do { try FileManager.default.removeItem(atPath: path) } catch {
                Issue.record("\(error)")
            }
        }

        var log: String { path + "/shop.log" }

        func append(_ text: String) throws {
            let file = try PosixFileSystem().openForAppending(log)
            try file.append(Array(text.utf8))
            try file.close()
        }

        func follow(_ bed: TestBed) throws -> FileFollower {
            try FileFollower(
                [try #require(FileFollower.Source(log))], checkpoints: path + "/checkpoints",
                ingest: bed.ingest, interval: .milliseconds(1))
        }

        func rotate(to name: String = "/shop.log.1") throws {
            try FileManager.default.moveItem(atPath: log, toPath: path + name)
        }
    }

    private func bodies(_ bed: TestBed) -> [String] {
        bed.store.logs.flatMap { batch in (0..<batch.count).map { batch.body($0).text } }
    }

    private func wait(_ bed: TestBed, for count: Int) async {
        while bodies(bed).count < count { await Task.yield() }
    }

    @Test(
        "what is in a file and what is added is stored, whole lines only", .timeLimit(.minutes(5)))
    func grows() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        let follower = try folder.follow(bed)
        try folder.append("a1\na2\nha")
        await wait(bed, for: 2)
        try folder.append("lf\nb\n")
        await wait(bed, for: 4)
        await follower.stop()
        #expect(bodies(bed) == ["a1", "a2", "half", "b"])
        let batch = try #require(bed.store.logs.first)
        #expect(
            batch.resource(at: batch.resourceIndices[0]).attributes == [
                Attribute("service.name", .string("shop")),
                Attribute("log.file.path", .string(folder.log)),
            ])
        #expect(bed.count("sidelight_receiver_items_total", "logs", "file") == 4)
    }

    @Test(
        "a renamed file is read to its end, its last line too, before the new one",
        .timeLimit(.minutes(5)))
    func rotation() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        let follower = try folder.follow(bed)
        try folder.append("a\n")
        await wait(bed, for: 1)
        try folder.append("b\nno end")
        try folder.rotate()
        try folder.append("c\n")
        await wait(bed, for: 4)
        await follower.stop()
        #expect(bodies(bed) == ["a", "b", "no end", "c"])
    }

    @Test("a file that is truncated begins anew", .timeLimit(.minutes(5)))
    func truncation() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        let follower = try folder.follow(bed)
        try folder.append("long line\n")
        await wait(bed, for: 1)
        let file = try PosixFileSystem().openForAppending(folder.log)
        try file.truncate(to: 0)
        try file.append(Array("n\n".utf8))
        try file.close()
        await wait(bed, for: 2)
        await follower.stop()
        #expect(bodies(bed) == ["long line", "n"])
    }

    @Test(
        "a file that was truncated and grew again before the next look begins anew",
        .timeLimit(.minutes(5)))
    func regrown() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        bed.store.hold()
        try folder.append("old line\n")
        let follower = try folder.follow(bed)
        while bed.store.heldCount == 0 { await Task.yield() }
        let file = try #require(FileHandle(forUpdatingAtPath: folder.log))
        try file.write(contentsOf: Array("new one\nnew two\n".utf8))
        try file.close()
        bed.store.release()
        await wait(bed, for: 3)
        await follower.stop()
        #expect(bodies(bed) == ["old line", "new one", "new two"])
    }

    @Test(
        "a restart goes on where it was, also in a file that was rotated meanwhile",
        .timeLimit(.minutes(5)))
    func restart() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        let first = try folder.follow(bed)
        try folder.append("a\n")
        await wait(bed, for: 1)
        await first.stop()
        try folder.append("b\n")
        let second = try folder.follow(bed)
        await wait(bed, for: 2)
        await second.stop()
        try folder.append("c\n")
        try folder.rotate()
        try folder.append("d\n")
        let third = try folder.follow(bed)
        await wait(bed, for: 4)
        await third.stop()
        #expect(bodies(bed) == ["a", "b", "c", "d"])
    }

    @Test(
        "a file with the number of one that was removed, or that has other content, begins anew after a restart",
        .timeLimit(.minutes(5)), arguments: [true, false])
    func replacedMeanwhile(isTruncated: Bool) async throws {
        let (bed, folder) = (TestBed(), try Folder())
        try folder.append("old 1\nold 2\n")
        let first = try folder.follow(bed)
        await wait(bed, for: 2)
        await first.stop()
        // Whether a file system gives a new file the number of a removed one cannot be relied on.
        let file = try #require(FileHandle(forUpdatingAtPath: folder.log))
        if isTruncated { try file.truncate(atOffset: 0) }
        try file.write(contentsOf: Array("new 1\nnew 2\nnew 3\nnew 4\n".utf8))
        try file.close()
        let second = try folder.follow(bed)
        await wait(bed, for: 6)
        await second.stop()
        #expect(bodies(bed) == ["old 1", "old 2", "new 1", "new 2", "new 3", "new 4"])
    }

    @Test(
        "files that were rotated one after the other while nobody read are read in their order",
        .timeLimit(.minutes(5)))
    func rotatedTwice() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        try folder.append("1\n")
        let first = try folder.follow(bed)
        await wait(bed, for: 1)
        await first.stop()
        try write("left alone\n", "/shop.log.note", folder)
        try folder.append("2\n")
        try folder.rotate(to: "/shop.log.2")
        try folder.append("3\n")
        try folder.rotate(to: "/shop.log.1")
        for (name, seconds) in [("/shop.log.2", -20.0), ("/shop.log.1", -10.0)] {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: seconds)],
                ofItemAtPath: folder.path + name)
        }
        try folder.append("4\n")
        let second = try folder.follow(bed)
        await wait(bed, for: 4)
        await second.stop()
        #expect(bodies(bed) == ["1", "2", "3", "4"])
    }

    @Test(
        "a rotation that is seen leads to the new file, not to others with names of rotated ones",
        .timeLimit(.minutes(5)))
    func rotatedBesideOthers() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        try folder.append("1\n")
        let follower = try folder.follow(bed)
        await wait(bed, for: 1)
        try write("another's\n", "/shop.log.2", folder)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: 3_600)],
            ofItemAtPath: folder.path + "/shop.log.2")
        try folder.rotate(to: "/shop.log.1")
        try folder.append("2\n")
        await wait(bed, for: 2)
        await follower.stop()
        #expect(bodies(bed) == ["1", "2"])
    }

    @Test(
        "it is said when the file that was read before a restart is gone",
        .timeLimit(.minutes(5)))
    func lost() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        try folder.append("1\n")
        let first = try folder.follow(bed)
        await wait(bed, for: 1)
        await first.stop()
        try write("2\n", "/shop.log.next", folder)
        try FileManager.default.removeItem(atPath: folder.log)
        try FileManager.default.moveItem(
            atPath: folder.path + "/shop.log.next", toPath: folder.log)
        let second = try folder.follow(bed)
        await wait(bed, for: 2)
        await second.stop()
        #expect(bodies(bed) == ["1", "2"])
        #expect(bed.count("sidelight_receiver_followed_file_failures_total", folder.log) == 1)
    }

    @Test(
        "a piece whose storing was cut off is stored again as the same piece",
        .timeLimit(.minutes(5)))
    func crash() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        bed.store.hold()
        try folder.append("a\nb\n")
        let first = try folder.follow(bed)
        while bed.store.heldCount == 0 { await Task.yield() }
        // As a crash leaves it: begun and not finished.
        let checkpoints = try String(contentsOfFile: folder.path + "/checkpoints", encoding: .utf8)
        bed.store.release()
        await first.stop()
        try checkpoints.write(
            toFile: folder.path + "/checkpoints", atomically: true, encoding: .utf8)
        try folder.append("c\n")
        let second = try folder.follow(bed)
        await wait(bed, for: 5)
        await second.stop()
        #expect(bodies(bed) == ["a", "b", "a", "b", "c"])
        let digests = bed.store.digests
        #expect(digests[0] != nil && digests[0] == digests[1] && digests[1] != digests[2])
    }

    @Test("while the store is overloaded a file waits, and loses nothing", .timeLimit(.minutes(5)))
    func overload() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        bed.store.answer(.failure(.overloaded(retryAfterMilliseconds: 1)))
        try folder.append("a\n")
        let follower = try folder.follow(bed)
        while bed.store.appendCount < 3 { await Task.yield() }
        bed.store.answer(.success(.stored))
        while bed.count("sidelight_receiver_items_total", "logs", "file") == 0 {
            await Task.yield()
        }
        await follower.stop()
        #expect(bed.count("sidelight_receiver_items_total", "logs", "file") == 1)
    }

    @Test("a line that is too long is passed over and counted", .timeLimit(.minutes(5)))
    func oversized() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        try folder.append("a\n" + String(repeating: "x", count: 3 << 20) + "\nb\n")
        let follower = try folder.follow(bed)
        await wait(bed, for: 2)
        await follower.stop()
        #expect(bodies(bed) == ["a", "b"])
        #expect(
            bed.count("sidelight_receiver_rejected_items_total", "logs", "file", "line_too_long")
                == 1)
    }

    @Test("a file that is not there yet is waited for", .timeLimit(.minutes(5)))
    func missing() async throws {
        let (bed, folder) = (TestBed(), try Folder())
        let follower = try folder.follow(bed)
        try folder.append("a\n")
        await wait(bed, for: 1)
        await follower.stop()
        #expect(bodies(bed) == ["a"])
    }

    @Test(
        "a source is a path, or a service and a path",
        arguments: [
            ("/var/log/shop.access.log", "/var/log/shop.access.log", "shop"),
            ("web=/l/x.log", "/l/x.log", "web"), ("./a=b.log", "./a=b.log", "a=b"),
            ("=x", nil, nil), ("", nil, nil), ("web=", nil, nil), ("/var/log/", nil, nil),
        ] as [(String, String?, String?)])
    func sources(text: String, path: String?, service: String?) {
        let source = FileFollower.Source(text)
        #expect(source?.path == path && source.map { $0.service(of: $0.path) } == service)
    }

    private func follow(_ pattern: String, _ folder: Folder, _ bed: TestBed) throws -> FileFollower
    {
        try FileFollower(
            [try #require(FileFollower.Source(folder.path + pattern))],
            checkpoints: folder.path + "/checkpoints", ingest: bed.ingest,
            interval: .milliseconds(1))
    }

    private func write(_ text: String, _ name: String, _ folder: Folder) throws {
        let file = try PosixFileSystem().openForAppending(folder.path + name)
        try file.append(Array(text.utf8))
        try file.close()
    }

    private func services(_ bed: TestBed) -> Set<String> {
        Set(
            bed.store.logs.flatMap { batch in
                (0..<batch.count).map { batch.resource(at: batch.resourceIndices[$0]).serviceName }
            })
    }

    @Test(
        "a pattern follows all its files, also those that come later, each by its own name",
        .timeLimit(.minutes(5)))
    func pattern() async throws {
        let (bed, folder) = (TestBed(clock: SystemClock()), try Folder())
        try write("a\n", "/cart.log", folder)
        try write("no\n", "/cart.txt", folder)
        try write("no\n", "/cart.log.gz", folder)
        let follower = try follow("/*.lo[g]*", folder, bed)
        await wait(bed, for: 1)
        try write("b\n", "/bank.log", folder)
        await wait(bed, for: 2)
        try write("c\n", "/cart.log", folder)
        await wait(bed, for: 3)
        await follower.stop()
        #expect(bodies(bed) == ["a", "b", "c"])
        #expect(services(bed) == ["cart", "bank"])
    }

    @Test(
        "a file that is rotated to a name of its pattern is not read again, also after a restart",
        .timeLimit(.minutes(5)))
    func rotatedWithinPattern() async throws {
        let (bed, folder) = (TestBed(clock: SystemClock()), try Folder())
        // In two pieces: one that is read again as a whole would not be taken for a repetition.
        try folder.append("1\n")
        let follower = try follow("/shop.log*", folder, bed)
        await wait(bed, for: 1)
        try folder.append("2\n")
        await wait(bed, for: 2)
        try folder.rotate()
        try folder.append("3\n")
        await wait(bed, for: 3)
        try folder.rotate(to: "/shop.log.2")
        try folder.append("4\n")
        await wait(bed, for: 4)
        await follower.stop()
        let again = try follow("/shop.log*", folder, bed)
        try folder.append("5\n")
        await wait(bed, for: 5)
        try write("6\n", "/shop.log.new", folder)
        await wait(bed, for: 6)
        await again.stop()
        #expect(bodies(bed) == ["1", "2", "3", "4", "5", "6"])
    }

    @Test("a file that has gone is forgotten, one of its name begins anew", .timeLimit(.minutes(5)))
    func gone() async throws {
        let (bed, folder) = (TestBed(clock: SystemClock()), try Folder())
        try folder.append("old\n")
        let follower = try follow("/*.log", folder, bed)
        await wait(bed, for: 1)
        try FileManager.default.removeItem(atPath: folder.log)
        while try String(contentsOfFile: folder.path + "/checkpoints", encoding: .utf8)
            .contains("shop.log")
        {
            await Task.yield()
        }
        try folder.append("new\n")
        await wait(bed, for: 2)
        await follower.stop()
        #expect(bodies(bed) == ["old", "new"])
    }
}
