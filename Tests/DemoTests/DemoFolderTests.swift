import Demo
import Foundation
import HTTPServer
import Testing

@Suite("the demo's folder")
struct DemoFolderTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/a demo " + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
        defer {
            do { try FileManager.default.removeItem(atPath: path) } catch { print("\(error)") }
        }
        try body(path)
    }

    @Test("that a user names stays")
    func given() throws {
        try withFolder { path in
            let folder = try DemoFolder(path)
            #expect(!folder.hasData)
            #expect(folder.remove() == nil)
            #expect(FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("is refused when it holds something else")
    func foreign() throws {
        try withFolder { path in
            try "mine".write(toFile: path + "/letter.txt", atomically: true, encoding: .utf8)
            #expect(throws: DemoFailure.self) { try DemoFolder(path) }
        }
    }

    @Test("is refused while another demo runs in it, and taken again afterwards")
    func locked() throws {
        try withFolder { path in
            do {
                let first = try DemoFolder(path)
                #expect(throws: DemoFailure.self) { try DemoFolder(path) }
                #expect(first.path == path)
            }
            try FileManager.default.createDirectory(
                atPath: path + "/data", withIntermediateDirectories: false)
            #expect(try DemoFolder(path).hasData)
        }
    }

    @Test("of its own goes with it")
    func temporary() throws {
        let folder = try DemoFolder(nil)
        #expect(FileManager.default.fileExists(atPath: folder.path))
        #expect(folder.remove() == nil)
        #expect(!FileManager.default.fileExists(atPath: folder.path))
    }

    @Test("reserved ports differ, and a server can listen on each")
    func ports() async throws {
        let reservation = try PortReservation(count: 50)
        #expect(Set(reservation.ports).count == 50)
        for port in reservation.ports.prefix(5) {
            let listener = try await DemoListener.open(port: port, Router())
            #expect(listener.address.port == port)
            await listener.shutdown(within: .seconds(1))
        }
    }
}
