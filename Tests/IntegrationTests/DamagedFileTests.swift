import Foundation
import Platform
import Testing

/// What a disk may do to files while the server is not looking. It starts all the same, says which file
/// is damaged, and answers from everything else.
@Suite(
    "Damaged files",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct DamagedFileTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var apply: @Sendable (inout [UInt8]) -> Void
    }

    private static let damages = [
        Damage(testDescription: "garbage over the header") { bytes in
            for index in 0..<100 { bytes[index] = 0xAB }
        },
        Damage(testDescription: "text instead of a database") { $0 = Array("oops\n".utf8) },
        Damage(testDescription: "nothing in it") { $0 = [] },
        Damage(testDescription: "its second half gone") { $0.removeLast($0.count / 2) },
        Damage(testDescription: "all but its first page gone") { $0.removeLast($0.count - 16_384) },
        Damage(testDescription: "zeros instead of its second half") { bytes in
            for index in bytes.count / 2..<bytes.count { bytes[index] = 0 }
        },
        Damage(testDescription: "garbage behind its first page") { bytes in
            for index in 16_384..<bytes.count { bytes[index] = UInt8(truncatingIfNeeded: index) }
        },
    ]

    @Test("a damaged day costs that day only, and is named", arguments: DataFolder.signals)
    func day(signal: String) async throws {
        let whole = try await DataFolder.withTwoDays()
        for damage in Self.damages {
            let data = try whole.copy()
            let file = try data.olderFile(signal)
            try DataFolder.change(file, damage.apply)
            let server = try await ServerProcess(data: data.path)
            let comment = "\(signal): \(damage.testDescription)"
            try await Items.expect("today", at: server.url, comment)
            let found = try await Items.find("yesterday", at: server.url)
            for other in DataFolder.signals where other != signal {
                #expect(found.count(of: other) == Items.count, "\(comment): \(other)")
            }
            #expect(found.count(of: signal) <= Items.count, "\(comment)")
            #expect(server.standardError.contains(file), "\(comment): \(server.standardError)")
            #expect(try await Self.damageCount(server) >= 1, "\(comment)")
            // The day goes on.
            try await Items.send("later", age: .seconds(86_400), to: server.url)
            #expect(await server.stop() == 0, "\(comment): \(server.standardError)")
            let again = try await ServerProcess(data: data.path)
            try await Items.expect("today", at: again.url, comment)
            try await Items.expect("later", at: again.url, comment)
            #expect(await again.stop() == 0)
        }
    }

    @Test("one flipped bit is either without effect or reported", arguments: DataFolder.signals)
    func flippedBit(signal: String) async throws {
        let whole = try await DataFolder.withTwoDays()
        let random = SeededRandom(seed: 42)
        let count = try DataFolder.bytes(whole.olderFile(signal)).count
        for _ in 0..<12 {
            let data = try whole.copy()
            let position = Int(random.next(below: UInt64(count)))
            let bit = UInt8(1) << UInt8(random.next(below: 8))
            try DataFolder.change(data.olderFile(signal)) { $0[position] ^= bit }
            let server = try await ServerProcess(data: data.path)
            let found = try await Items.find("yesterday", at: server.url)
            let comment = "\(signal): bit \(bit) of byte \(position) of \(count)"
            if found.count(of: signal) != Items.count {
                #expect(try await Self.damageCount(server) >= 1, "\(comment): \(found)")
                #expect(server.standardError.contains("/\(signal)/"), "\(comment)")
            }
            try await Items.expect("today", at: server.url, comment)
            #expect(await server.stop() == 0, "\(comment): \(server.standardError)")
        }
    }

    @Test("a damaged catalog costs what alerts remember, and is set aside")
    func catalog() async throws {
        let whole = try await DataFolder.withTwoDays()
        for damage in Self.damages where damage.testDescription != "all but its first page gone" {
            let data = try whole.copy()
            try DataFolder.change(data.catalog, damage.apply)
            let server = try await ServerProcess(data: data.path)
            let comment = damage.testDescription
            try await Items.expect("yesterday", at: server.url, comment)
            try await Items.expect("today", at: server.url, comment)
            #expect(server.standardError.contains(data.catalog), "\(comment)")
            #expect(try await Self.damageCount(server) == 1, "\(comment)")
            #expect(await server.stop() == 0, "\(comment): \(server.standardError)")
        }
    }

    @Test(
        "a file of a later version keeps the server from starting, and is left alone",
        arguments: DataFolder.signals)
    func laterVersion(signal: String) async throws {
        let data = try await DataFolder.withTwoDays()
        let file = try data.olderFile(signal)
        try DataFolder.execute("UPDATE meta SET value = 99 WHERE key = 'format_version'", on: file)
        let outcome = try await Subprocess.run([
            "serve", "--data", data.path, "--listen", "127.0.0.1:0", "--otlp-grpc", "off",
            "--otlp-http", "off", "--zipkin", "off",
        ])
        #expect(outcome.status == 3, "\(outcome)")
        #expect(outcome.error.contains(file) && outcome.error.contains("99"), "\(outcome.error)")
        // The program that wrote it finds everything.
        try DataFolder.execute("UPDATE meta SET value = 1 WHERE key = 'format_version'", on: file)
        let server = try await ServerProcess(data: data.path)
        try await Items.expect("yesterday", at: server.url)
        try await Items.expect("today", at: server.url)
        #expect(await server.stop() == 0)
    }

    private static func damageCount(_ server: ServerProcess) async throws -> Double {
        let counters = try await Counters(of: server.url)
        return ["partition", "block", "catalog", "journal"].reduce(0) {
            $0 + counters["sidelight_store_damage_total{kind=\"\($1)\"}"]
        }
    }
}

extension Items.Found {
    func count(of signal: String) -> Int {
        switch signal {
        case "traces": spans
        case "logs": lines
        default: samples
        }
    }
}
