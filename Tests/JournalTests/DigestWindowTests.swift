import Journal
import Platform
import Telemetry
import Testing

@Suite struct DigestWindowTests {
    private func digest(_ value: UInt64) -> ContentHash { ContentHash(high: value, low: ~value) }
    private func minutes(_ count: Double) -> Timestamp {
        Timestamp(nanoseconds: Int64(count * 60e9))
    }

    @Test("a batch is fresh once, pending until it is durable, then a duplicate")
    func verdicts() {
        var window = DigestWindow()
        #expect(window.admit(digest(1), at: minutes(0)) == .fresh)
        #expect(window.admit(digest(1), at: minutes(0)) == .pending)
        window.confirm(digest(1), at: minutes(0))
        #expect(window.admit(digest(1), at: minutes(1)) == .duplicate)
        #expect(window.admit(digest(2), at: minutes(1)) == .fresh)
    }

    @Test("a batch that was not stored is fresh when it comes again")
    func abandoned() {
        var window = DigestWindow()
        #expect(window.admit(digest(1), at: minutes(0)) == .fresh)
        window.abandon(digest(1))
        #expect(window.admit(digest(1), at: minutes(0)) == .fresh)
    }

    @Test("ten minutes after it was stored a batch is forgotten")
    func expiry() {
        var window = DigestWindow()
        window.remember(digest(1), at: minutes(0))
        window.remember(digest(2), at: minutes(4))
        #expect(window.admit(digest(1), at: minutes(9.9)) == .duplicate)
        #expect(window.admit(digest(1), at: minutes(10.1)) == .fresh)
        #expect(window.admit(digest(2), at: minutes(10.1)) == .duplicate)
    }

    @Test("beyond the bound the oldest is forgotten first, and memory does not grow")
    func bound() {
        var window = DigestWindow(countMax: 100)
        for value in UInt64(0)..<5_000 { window.remember(digest(value), at: minutes(0)) }
        #expect(window.count == 100)
        #expect(window.admit(digest(4_900), at: minutes(0)) == .duplicate)
        #expect(window.admit(digest(4_899), at: minutes(0)) == .fresh)
    }

    @Test("after a restart the replay says which batches were stored")
    func replay() throws {
        let fixture = JournalFixture()
        let journal = try fixture.open().journal
        for value in UInt64(1)...3 {
            _ = try journal.append([
                JournalEntry(
                    kind: .logs, arrival: minutes(Double(value) * 5), digest: digest(value),
                    parts: [[1]])
            ])
        }
        var window = DigestWindow()
        for record in try fixture.open().records {
            window.remember(try #require(record.digest), at: record.arrival)
        }
        #expect(window.admit(digest(1), at: minutes(16)) == .fresh)
        #expect(window.admit(digest(2), at: minutes(16)) == .duplicate)
        #expect(window.admit(digest(3), at: minutes(16)) == .duplicate)
    }
}
