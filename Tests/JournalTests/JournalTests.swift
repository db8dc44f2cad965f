import Journal
import Platform
import Telemetry
import Testing

@Suite struct JournalTests {
    @Test("records come back in order with kind, arrival, digest and payload")
    func roundTrip() throws {
        let fixture = JournalFixture()
        let random = SeededRandom(seed: 3)
        var written: [Kept] = []
        let (journal, empty, none) = try fixture.open()
        #expect(empty.records == 0 && empty.isClean && none.isEmpty)
        for index in 0..<40 {
            let payload = randomBytes(Int(random.next(below: 3_000)), random)
            let cut = Int(random.next(below: UInt64(payload.count + 1)))
            let entry = JournalEntry(
                kind: [.spans, .logs, .metrics, .custom][index % 4],
                arrival: Timestamp(nanoseconds: Int64(index) * 1_000 - 5_000),
                digest: index % 3 == 0 ? nil : ContentHash(payload),
                parts: [Array(payload[..<cut]), [], Array(payload[cut...])])
            let sequence = try journal.append([entry])
            written.append(
                Kept(
                    sequence: sequence, kind: entry.kind, arrival: entry.arrival,
                    digest: entry.digest, payload: payload))
        }
        let (_, report, records) = try fixture.open()
        #expect(records == written)
        #expect(records.map(\.sequence) == Array(1...40))
        #expect(report.records == 40)
        #expect(report.firstSequence == 1 && report.lastSequence == 40)
        #expect(report.payloadBytes == written.reduce(0) { $0 + $1.payload.count })
        #expect(report.isClean && report.tornBytes == 0)
    }

    @Test("payload parts larger than one write are kept whole")
    func largeParts() throws {
        let fixture = JournalFixture()
        let random = SeededRandom(seed: 4)
        let parts = [10, 300 << 10, 5, 0, 700_001].map { randomBytes($0, random) }
        let journal = try fixture.open().journal
        _ = try journal.append([
            JournalEntry(kind: .logs, arrival: .zero, parts: parts), JournalEntry([1]),
        ])
        let records = try fixture.open().records
        #expect(records.map(\.payload) == [parts.flatMap { $0 }, [1]])
    }

    @Test("numbering goes on after reopening, also when every record is forgotten")
    func numberingGoesOn() throws {
        let fixture = JournalFixture()
        for expected in UInt64(1)...4 {
            let journal = try fixture.open().journal
            #expect(try journal.append([JournalEntry([1, 2, 3])]) == expected)
        }
        let journal = try fixture.open().journal
        try journal.removeSegments(throughSequence: 4)
        #expect(journal.oldestSequence == nil)
        let (reopened, report, _) = try fixture.open()
        #expect(report.records == 0)
        #expect(try reopened.append([JournalEntry([])]) == 5)
    }

    @Test("numbering goes on above what the store has sealed, and the jump is no damage")
    func numberingJumps() throws {
        let fixture = JournalFixture()
        _ = try fixture.open().journal.append([JournalEntry([1])])
        let jumped = try fixture.open(sealedThrough: 90).journal
        #expect(try jumped.append([JournalEntry([2])]) == 91)
        let (_, report, records) = try fixture.open()
        #expect(report.isClean)
        #expect(records.map(\.sequence) == [1, 91])
    }

    @Test("starting many times does not pile up empty segments")
    func emptySegmentsGo() throws {
        let fixture = JournalFixture()
        _ = try fixture.open().journal.append([JournalEntry([1])])
        for _ in 0..<5 { _ = try fixture.open() }
        #expect(try fixture.files().count == 2)
        #expect(try fixture.open().records.count == 1)
    }

    @Test("a full segment is followed by the next, and only wholly sealed ones are deleted")
    func removal() throws {
        let fixture = JournalFixture(segmentBytesMax: 1_000)
        let journal = try fixture.open().journal
        // 64 bytes of header and 256 a record: four to a segment.
        let entry = JournalEntry([UInt8](repeating: 9, count: 200))
        for _ in 0..<18 { _ = try journal.append([entry]) }
        #expect(journal.segmentCount == 5)
        try journal.removeSegments(throughSequence: 3)
        #expect(journal.oldestSequence == 1)
        try journal.removeSegments(throughSequence: 11)
        #expect(journal.oldestSequence == 9)
        let (_, report, records) = try fixture.open()
        #expect(records.map(\.sequence) == Array(9...18))
        #expect(report.isClean)
        try journal.removeSegments(throughSequence: 18)
        #expect(journal.oldestSequence == nil)
        #expect(journal.bytes == 64)
        #expect(journal.lastSequence == 18)
    }

    @Test("the number of bytes is that of the files")
    func bytes() throws {
        let fixture = JournalFixture(segmentBytesMax: 2_000)
        let journal = try fixture.open().journal
        for size in 0..<40 {
            _ = try journal.append([JournalEntry([UInt8](repeating: 1, count: size * 7))])
        }
        #expect(Int64(journal.bytes) == (try fixture.files().reduce(0) { $0 + $1.bytes }))
    }

    @Test("a record beyond the bound is refused and nothing of it is written")
    func tooLarge() throws {
        var fixture = JournalFixture()
        fixture.limits.recordBytesMax = 100
        let journal = try fixture.open().journal
        let before = journal.bytes
        #expect(throws: JournalError.recordTooLarge(bytes: 101, bytesMax: 100)) {
            try journal.append([JournalEntry([UInt8](repeating: 0, count: 101))])
        }
        #expect(journal.bytes == before)
    }

    @Test("a closed journal takes nothing")
    func closed() throws {
        let journal = try JournalFixture().open().journal
        try journal.close()
        #expect(throws: JournalError.closed) { try journal.append([JournalEntry([1])]) }
        #expect(throws: JournalError.closed) { try journal.removeSegments(throughSequence: 9) }
    }

    @Test("a segment of a later format is refused by name")
    func laterFormat() throws {
        let fixture = JournalFixture()
        _ = try fixture.open().journal.append([JournalEntry([1])])
        let file = try fixture.system.openForAppending(JournalFixture.directory + "/000009.log")
        try file.append(SegmentImage.header(version: 2))
        #expect(
            throws: JournalError.unsupportedVersion(
                path: JournalFixture.directory + "/000009.log", version: 2)
        ) { try fixture.open() }
    }
}
