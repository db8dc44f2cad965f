import ColumnEncoding
import Telemetry
import Testing

@Suite("Fuse filters")
struct FuseFilterTests {
    @Test(
        "every key is found, whatever the size of the set",
        arguments: [0, 1, 2, 3, 5, 10, 11, 100, 1_000, 20_000])
    func noFalseNegatives(count: Int) throws {
        var random = SeededGenerator(seed: UInt64(count))
        let keys = (0..<count).map { _ in random.next() }
        let filter = FuseFilter(keys)
        #expect(keys.allSatisfy(filter.contains))
        let copy = try restored(filter)
        #expect(keys.allSatisfy(copy.contains))
    }

    @Test("keys in sequence, repeated and at the extremes are found")
    func awkwardKeys() {
        let keys =
            (0..<5_000).map { UInt64($0) } + (0..<5_000).map { UInt64($0) } + [.max, .max - 1]
        let filter = FuseFilter(keys)
        #expect(keys.allSatisfy(filter.contains))
    }

    @Test("an empty filter contains nothing")
    func empty() {
        let filter = FuseFilter([UInt64]())
        #expect(!filter.contains(0) && !filter.contains(42))
    }

    @Test("one of 256 strangers passes")
    func falsePositives() {
        var random = SeededGenerator(seed: 1)
        let filter = FuseFilter((0..<50_000).map { _ in random.next() })
        let strangers = 200_000
        let passed = (0..<strangers).count { _ in filter.contains(random.next()) }
        // Expected 781 with a standard deviation of 28.
        #expect((640...920).contains(passed))
    }

    @Test("a large set takes about nine bits a key")
    func size() {
        var random = SeededGenerator(seed: 2)
        let count = 700_000
        let filter = FuseFilter((0..<count).map { _ in random.next() })
        #expect(Double(filter.byteCount) * 8 / Double(count) <= 9.1)
    }

    @Test("trace ids that differ in one half only are told apart")
    func traceIDs() {
        let ids = (0..<2_000).map { TraceID(high: UInt64($0), low: 7) }
        let filter = FuseFilter(ids)
        #expect(ids.allSatisfy(filter.contains))
        let passed = (0..<10_000).count { filter.contains(TraceID(high: 7, low: UInt64($0) + 8)) }
        #expect(passed < 120)
    }

    @Test("a truncated filter is reported at every length")
    func truncation() {
        var writer = ByteWriter()
        FuseFilter((0..<20).map { UInt64($0) }).encode(into: &writer)
        for length in 0..<writer.count {
            writer.bytes[..<length].withUnsafeBytes { bytes in
                var reader = ByteReader(bytes, column: "filter")
                #expect(throws: ColumnDecodeError.self) { try FuseFilter(from: &reader) }
            }
        }
    }

    private func restored(_ filter: FuseFilter) throws -> FuseFilter {
        var writer = ByteWriter()
        filter.encode(into: &writer)
        return try writer.bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes, column: "filter")
            let copy = try FuseFilter(from: &reader)
            #expect(reader.isAtEnd)
            return copy
        }
    }
}
