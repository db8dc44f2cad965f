import Glibc
import Journal
import Platform
import Telemetry
import Testing

@Suite struct DiskFullTests {
    @Test("a full disk refuses the batch whole, and appends succeed again once there is room")
    func fullThenRoom() throws {
        let fixture = JournalFixture()
        let journal = try fixture.open().journal
        _ = try journal.append([JournalEntry([UInt8](repeating: 1, count: 100))])
        let before = journal.bytes
        fixture.system.setCapacity(bytes: before + 200)
        let batch = (0..<3).map { _ in JournalEntry([UInt8](repeating: 2, count: 90)) }
        do throws(JournalError) {
            _ = try journal.append(batch)
            Issue.record("the disk took more than it holds")
        } catch {
            guard case .file(let cause) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(cause.isDiskFull && cause.operation == .append)
            #expect(cause.description.contains("000001.log: No space left on device"))
        }
        #expect(journal.bytes == before)
        #expect(try fixture.files().map(\.bytes) == [Int64(before)])
        fixture.system.setCapacity(bytes: nil)
        #expect(try journal.append([JournalEntry([3])]) == 2)
        let (_, report, records) = try fixture.open()
        #expect(records.map(\.payload.last) == [1, 3])
        #expect(report.isClean && report.tornBytes == 0)
    }

    @Test("a disk too full for a new segment does not pile up half-made files")
    func fullAtRotation() throws {
        let fixture = JournalFixture(segmentBytesMax: 100)
        let journal = try fixture.open().journal
        _ = try journal.append([JournalEntry([UInt8](repeating: 1, count: 100))])
        fixture.system.setCapacity(bytes: journal.bytes + 10)
        for _ in 0..<5 {
            #expect(throws: JournalError.self) { try journal.append([JournalEntry([2])]) }
        }
        #expect(try fixture.files().count == 1)
        fixture.system.setCapacity(bytes: nil)
        #expect(try journal.append([JournalEntry([3])]) == 2)
        #expect(try fixture.open().records.map(\.sequence) == [1, 2])
    }

    @Test("after a failed sync the records of the batch do not come back")
    func failedSync() throws {
        let fixture = JournalFixture(durability: .power)
        let journal = try fixture.open().journal
        _ = try journal.append([JournalEntry([1])])
        fixture.system.inject(.init([.sync]))
        #expect(throws: JournalError.self) { try journal.append([JournalEntry([2])]) }
        #expect(try journal.append([JournalEntry([3])]) == 2)
        let (_, report, records) = try fixture.open()
        #expect(records.map(\.payload) == [[1], [3]])
        #expect(report.isClean)
    }

    @Test("a batch that could not be cut off again is not delivered")
    func failedTruncation() throws {
        let fixture = JournalFixture(durability: .power)
        let journal = try fixture.open().journal
        _ = try journal.append([JournalEntry([1])])
        fixture.system.inject(.init([.sync]))
        fixture.system.inject(.init([.truncate]))
        #expect(throws: JournalError.self) { try journal.append([JournalEntry([2])]) }
        #expect(try journal.append([JournalEntry([3])]) == 2)
        let (_, report, records) = try fixture.open()
        #expect(records.map(\.payload) == [[1], [3]])
        #expect(report.isClean && report.tornBytes == 64)
    }

    @Test("in power mode every append is synced before it returns, in process mode none")
    func syncs() throws {
        for durability in Durability.allCases {
            let fixture = JournalFixture(durability: durability)
            let journal = try fixture.open().journal
            fixture.system.inject(.init([.sync], times: .max))
            if durability == .power {
                #expect(throws: JournalError.self) { try journal.append([JournalEntry([1])]) }
            } else {
                #expect(try journal.append([JournalEntry([1])]) == 1)
            }
        }
    }
}
