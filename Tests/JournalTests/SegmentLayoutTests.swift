import Journal
import Platform
import Telemetry
import Testing

@Suite struct SegmentLayoutTests {
    @Test("a segment reads byte for byte as documented")
    func layout() throws {
        let fixture = JournalFixture(seed: 5)
        let journal = try fixture.open(sealedThrough: 0x0102_0304).journal
        let payload = randomBytes(41, SeededRandom(seed: 6))
        let digest = ContentHash(high: 0x1112_1314_1516_1718, low: 0x2122_2324_2526_2728)
        _ = try journal.append([
            JournalEntry(
                kind: .metrics, arrival: Timestamp(nanoseconds: -2), digest: digest,
                parts: [Array(payload[..<9]), Array(payload[9...])])
        ])
        let bytes = try fixture.system.readAll(JournalFixture.directory + "/000001.log")
        #expect(bytes.count == 64 + 56 + 48)
        let salt = SegmentImage.word(bytes, 32)
        #expect(Array(bytes[..<8]) == Array("SLjourna".utf8))
        #expect(SegmentImage.word(bytes, 8) == 1)
        #expect(SegmentImage.word(bytes, 16) == 0x0102_0305)
        #expect(SegmentImage.word(bytes, 24) == 0x0102_0304)
        #expect(SegmentImage.word(bytes, 56) == SegmentImage.checksum(Array(bytes[..<56]), seed: 0))
        var header = Array(bytes[64..<120])
        #expect(Array(header[..<4]) == Array("SLrc".utf8))
        #expect(Array(header[4..<12]) == [41, 0, 0, 0, 3, 3, 0, 0])
        let checksum = UInt32(truncatingIfNeeded: SegmentImage.word(header, 8) >> 32)
        header.replaceSubrange(12..<16, with: [0, 0, 0, 0])
        #expect(
            checksum == UInt32(truncatingIfNeeded: SegmentImage.checksum(header, seed: salt)))
        #expect(SegmentImage.word(header, 16) == 0x0102_0305)
        #expect(SegmentImage.word(header, 24) == UInt64(bitPattern: -2))
        #expect(SegmentImage.word(header, 32) == digest.high)
        #expect(SegmentImage.word(header, 40) == digest.low)
        #expect(
            SegmentImage.word(header, 48)
                == SegmentImage.checksum(payload, seed: salt ^ 0x0102_0305))
        #expect(Array(bytes[120...]) == payload + [UInt8](repeating: 0, count: 7))
    }

    @Test("the payload's checksum does not depend on how it is cut into parts")
    func parts() throws {
        let random = SeededRandom(seed: 8)
        let payload = randomBytes(300, random)
        for _ in 0..<200 {
            let cuts = (0..<6).map { _ in Int(random.next(below: 301)) }.sorted()
            let edges = [0] + cuts + [300]
            let parts = zip(edges, edges.dropFirst()).map { Array(payload[$0..<$1]) }
            let fixture = JournalFixture()
            _ = try fixture.open().journal.append([
                JournalEntry(kind: .spans, arrival: .zero, parts: parts)
            ])
            let (_, report, records) = try fixture.open()
            #expect(report.isClean && records.map(\.payload) == [payload], "cuts \(cuts)")
        }
    }
}
