import Glibc
import Journal
import Platform
import Telemetry
import Testing

@Suite struct DamageTests {
    private static let payloads: [[UInt8]] = (0..<6).map { index in
        [UInt8](repeating: UInt8(index + 1), count: 20 + 13 * index)
    }

    /// A journal with one segment of six records, each its own batch, and the path of that segment.
    private func filled() throws -> (JournalFixture, path: String, bytes: [UInt8]) {
        let fixture = JournalFixture()
        let journal = try fixture.open().journal
        for payload in DamageTests.payloads { _ = try journal.append([JournalEntry(payload)]) }
        let path = fixture.path(try #require(try fixture.files().first))
        return (fixture, path, try fixture.system.readAll(path))
    }

    @Test("an append cut short at any byte is dropped, reported, and cut off")
    func tornTail() throws {
        let (_, _, whole) = try filled()
        let lastRecord = (56 + DamageTests.payloads[5].count + 7) & ~7
        for length in whole.count - lastRecord..<whole.count {
            let fixture = JournalFixture(seed: 2)
            try fixture.system.createDirectory(JournalFixture.directory)
            let path = JournalFixture.directory + "/000001.log"
            try fixture.system.openForAppending(path).append(Array(whole[..<length]))
            let (journal, report, records) = try fixture.open()
            #expect(records.map(\.payload) == Array(DamageTests.payloads[..<5]), "length \(length)")
            #expect(report.tornBytes == length - (whole.count - lastRecord))
            #expect(report.isClean)
            #expect(try journal.append([JournalEntry([42])]) == 6)
            let (_, second, again) = try fixture.open()
            #expect(again.map(\.sequence) == Array(1...6))
            #expect(second.isClean && second.tornBytes == 0)
        }
    }

    @Test("a segment cut short at any byte is read without a fault, never beyond its records")
    func truncationAnywhere() throws {
        let (_, _, whole) = try filled()
        for length in 0..<whole.count {
            let fixture = JournalFixture(seed: 2)
            try fixture.system.createDirectory(JournalFixture.directory)
            try fixture.system.openForAppending(JournalFixture.directory + "/000001.log")
                .append(Array(whole[..<length]))
            let records = try fixture.open().records
            #expect(records.map(\.payload) == Array(DamageTests.payloads[..<records.count]))
        }
    }

    @Test("any flipped bit before the last record is reported by file and offset; the rest is read")
    func bitFlips() throws {
        let (_, _, whole) = try filled()
        let lastRecord = (56 + DamageTests.payloads[5].count + 7) & ~7
        let random = SeededRandom(seed: 11)
        var offset = 64
        for (index, payload) in DamageTests.payloads[..<5].enumerated() {
            // Padding is not covered by a checksum and means nothing.
            for position in offset..<offset + 56 + payload.count {
                let (fixture, path, _) = try filled()
                let bit = UInt8(1) << UInt8(random.next(below: 8))
                try fixture.system.corrupt(path, at: position, mask: bit)
                let (_, report, records) = try fixture.open()
                let lost = UInt64(index + 1)
                #expect(records.map(\.sequence) == (1...6).filter { $0 != lost }, "at \(position)")
                #expect(report.damage.count == 1)
                let damage = try #require(report.damage.first)
                #expect(damage.path == path && damage.offset == offset)
                #expect(damage.missing == lost...lost)
            }
            offset += (56 + payload.count + 7) & ~7
        }
        #expect(offset == whole.count - lastRecord)
    }

    @Test("damage is reported at every start, the file is set aside once sealed, never deleted")
    func setAside() throws {
        let (fixture, path, _) = try filled()
        try fixture.system.corrupt(path, at: 70, mask: 1)
        #expect(try fixture.open().report.damage.count == 1)
        let (journal, report, _) = try fixture.open()
        #expect(report.damage.count == 1)
        #expect(report.damage.first?.description.contains("record 1 is lost") == true)
        try journal.removeSegments(throughSequence: 6)
        #expect(try fixture.files().map(\.name).contains("000001.log.damaged"))
        let (next, clean, _) = try fixture.open()
        #expect(clean.isClean && clean.setAside == [path + ".damaged"])
        #expect(try next.append([JournalEntry([1])]) == 7)
    }

    @Test("an unreadable segment header costs that segment; what is missing is named")
    func unreadableHeader() throws {
        let fixture = JournalFixture(segmentBytesMax: 1_000)
        let journal = try fixture.open().journal
        let entry = JournalEntry([UInt8](repeating: 9, count: 200))
        for _ in 0..<12 { _ = try journal.append([entry]) }
        let paths = try fixture.files().map(fixture.path)
        try fixture.system.corrupt(paths[1], at: 33, mask: 4)
        let (_, report, records) = try fixture.open()
        #expect(records.map(\.sequence) == [1, 2, 3, 4, 9, 10, 11, 12])
        #expect(report.damage.map(\.missing) == [5...8])
        #expect(report.damage.map(\.path) == [paths[1]])
    }

    @Test("a segment that vanished is noticed")
    func missingSegment() throws {
        let fixture = JournalFixture(segmentBytesMax: 1_000)
        let journal = try fixture.open().journal
        let entry = JournalEntry([UInt8](repeating: 9, count: 200))
        for _ in 0..<12 { _ = try journal.append([entry]) }
        let paths = try fixture.files().map(fixture.path)
        try fixture.system.remove(paths[1])
        let (_, report, records) = try fixture.open()
        #expect(records.map(\.sequence) == [1, 2, 3, 4, 9, 10, 11, 12])
        #expect(report.damage.map(\.missing) == [5...8])
        #expect(report.damage.first?.path == paths[2])
    }

    @Test("a copied segment is not delivered twice")
    func copiedSegment() throws {
        let (fixture, path, bytes) = try filled()
        let copy = JournalFixture.directory + "/000009.log"
        try fixture.system.openForAppending(copy).append(bytes)
        let (_, report, records) = try fixture.open()
        #expect(records.map(\.sequence) == Array(1...6))
        #expect(report.damage.map(\.path) == [copy])
        #expect(path != copy)
    }

    @Test("a payload that contains journal records is never taken for records")
    func embeddedRecords() throws {
        let (_, _, image) = try filled()
        let fixture = JournalFixture(seed: 99)
        let journal = try fixture.open().journal
        _ = try journal.append([JournalEntry([1])])
        _ = try journal.append([JournalEntry(Array(image[64...]))])
        _ = try journal.append([JournalEntry([3])])
        let path = fixture.path(try #require(try fixture.files().first))
        // The header of the record that carries the others.
        try fixture.system.corrupt(path, at: 64 + 64 + 20, mask: 1)
        let (_, report, records) = try fixture.open()
        #expect(records.map(\.payload) == [[1], [3]])
        #expect(report.damage.map(\.missing) == [2...2])
    }
}
