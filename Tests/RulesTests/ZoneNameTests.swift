import Foundation
import Rules
import Testing

/// With files made here: whether this machine has the database does not matter.
@Suite("Names of time zones")
struct ZoneNameTests {
    private static func bigEndian(_ number: Int64, _ length: Int) -> [UInt8] {
        (0..<length).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * Int64($0))) }
    }

    private static func header(times: Int64, types: Int64, letters: Int64) -> [UInt8] {
        Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15)
            + [0, 0, 0, times, types, letters].flatMap { bigEndian($0, 4) }
    }

    /// A place that had its own time until second -100, then CET, from 1,000 to 2,000 CEST (RFC 8536, 3).
    private static let berlin: [UInt8] = {
        let letters = Array("LMT\0CET\0CEST\0".utf8)
        var bytes = header(times: 0, types: 0, letters: 0)
        bytes += header(times: 3, types: 3, letters: Int64(letters.count))
        for time: Int64 in [-100, 1_000, 2_000] { bytes += bigEndian(time, 8) }
        bytes += [1, 2, 1]
        for (offset, isSummer, name) in [(3_208, 0, 0), (3_600, 0, 4), (7_200, 1, 8)] {
            bytes += bigEndian(Int64(offset), 4) + [UInt8(isSummer), UInt8(name)]
        }
        return bytes + letters + Array("\nCET-1CEST,M3.5.0,M10.5.0/3\n".utf8)
    }()

    @Test("are those of the offset at the time, also after the last change of the file")
    func names() throws {
        let zone = try #require(ZoneNames(Self.berlin))
        #expect(zone.name(ofOffset: 3_600, at: 500) == "CET")
        #expect(zone.name(ofOffset: 7_200, at: 1_500) == "CEST")
        #expect(zone.name(ofOffset: 3_600, at: 2_000_000_000) == "CET")
        #expect(zone.name(ofOffset: 7_200, at: 2_000_000_000) == "CEST")
        #expect(zone.name(ofOffset: 3_208, at: -200) == "LMT")
        #expect(zone.name(ofOffset: 0, at: 0) == nil)
    }

    @Test("come out of a folder of files, and of nothing beside it")
    func folder() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/zones-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder + "/Europe", withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(atPath: folder) } catch { print("\(error)") }
        }
        try Data(Self.berlin).write(to: URL(fileURLWithPath: folder + "/Europe/Berlin"))
        #expect(ZoneNames("Europe/Berlin", in: folder)?.name(ofOffset: 7_200, at: 1_500) == "CEST")
        for name in ["Europe/Paris", "", "Europe", "../\(folder)/Europe/Berlin", "/etc/passwd"] {
            #expect(ZoneNames(name, in: folder) == nil, "\(name)")
        }
        #expect(ZoneDatabase.complaint(in: folder) == "unknown time zone")
        #expect(ZoneDatabase.complaint(in: folder + "/none").contains("package tzdata"))
    }

    @Test("are none where the file is cut off or has wrong bytes")
    func damaged() {
        let whole = Self.berlin
        // Behind the names stand rules for the future, which are not read.
        let end = whole.count - "\nCET-1CEST,M3.5.0,M10.5.0/3\n".utf8.count
        for length in 0..<end { #expect(ZoneNames(Array(whole[..<length])) == nil) }
        var random = SeededGenerator(seed: 8)
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<3 {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            _ = ZoneNames(bytes)?.name(ofOffset: 3_600, at: 1_500)
        }
    }
}
