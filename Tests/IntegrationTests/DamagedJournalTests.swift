import Foundation
import Testing

/// What a crash or a disk may do to the journal, which holds what no other file has yet.
@Suite(
    "Damaged journal",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct DamagedJournalTests {
    private static let names = (0..<6).map { "request-\($0)" }

    /// A data directory whose newest items are in the journal alone.
    private func killed() async throws -> DataFolder {
        let data = try DataFolder()
        let server = try await ServerProcess(data: data.path)
        for name in Self.names { try await Items.send(name, to: server.url) }
        await server.killHard()
        return data
    }

    private func lost(at url: String) async throws -> Int {
        var lost = 0
        for name in Self.names {
            let found = try await Items.find(name, at: url)
            lost += 3 * Items.count - found.spans - found.lines - found.samples
        }
        return lost
    }

    @Test("bytes behind the last whole record are dropped; what was whole is there exactly once")
    func tornTail() async throws {
        let whole = try await killed()
        for (count, byte) in [(1, 0x53), (56, 0), (100, 0xFF), (3_000, 0x53)] {
            let data = try whole.copy()
            let segment = try #require(try data.segments().last)
            try DataFolder.change(segment) { $0 += [UInt8](repeating: UInt8(byte), count: count) }
            let server = try await ServerProcess(data: data.path)
            #expect(try await lost(at: server.url) == 0, "\(count) bytes more")
            try await Items.send("later", to: server.url)
            await server.killHard()
            let again = try await ServerProcess(data: data.path)
            #expect(try await lost(at: again.url) == 0, "\(count) bytes more")
            try await Items.expect("later", at: again.url)
            #expect(await again.stop() == 0)
        }
    }

    @Test("a last record that is cut short is lost alone")
    func cutTail() async throws {
        let whole = try await killed()
        for count in [1, 20, 60] {
            let data = try whole.copy()
            let segment = try #require(try data.segments().last)
            try DataFolder.change(segment) { $0.removeLast(count) }
            let server = try await ServerProcess(data: data.path)
            #expect(try await lost(at: server.url) == Items.count, "\(count) bytes less")
            #expect(await server.stop() == 0)
        }
    }

    @Test("a record damaged in the middle is lost alone, and the segment is named and kept")
    func damagedMiddle() async throws {
        let whole = try await killed()
        let segment = try #require(try whole.segments().last)
        let length = try DataFolder.bytes(segment).count
        for part in 1...4 {
            let data = try whole.copy()
            let segment = try #require(try data.segments().last)
            try DataFolder.change(segment) { $0[length * part / 6] ^= 0x10 }
            let server = try await ServerProcess(data: data.path)
            let lost = try await lost(at: server.url)
            #expect(lost == Items.count, "byte \(length * part / 6) of \(length)")
            #expect(server.standardError.contains("\(segment) is damaged at byte"))
            let counters = try await Counters(of: server.url)
            #expect(counters["sidelight_store_damage_total{kind=\"journal\"}"] == 1)
            #expect(await server.stop() == 0)
            // Set aside once it is needed no more, never deleted.
            #expect(FileManager.default.fileExists(atPath: segment + ".damaged"))
            let again = try await ServerProcess(data: data.path)
            #expect(try await self.lost(at: again.url) == lost)
            #expect(await again.stop() == 0)
        }
    }

    @Test("a segment that cannot be read at all is named; what files hold is there")
    func unreadableSegment() async throws {
        let data = try await DataFolder.withTwoDays()
        let server = try await ServerProcess(data: data.path)
        try await Items.send("newest", to: server.url)
        await server.killHard()
        let segment = try #require(try data.segments().last)
        try DataFolder.change(segment) { bytes in
            for index in bytes.indices { bytes[index] = 0x5A }
        }
        let again = try await ServerProcess(data: data.path)
        #expect(again.standardError.contains(segment))
        try await Items.expect("yesterday", at: again.url)
        try await Items.expect("today", at: again.url)
        #expect(await again.stop() == 0)
    }
}
