import ColumnEncoding
import Testing

@Suite("Columns of doubles")
struct FloatCodecTests {
    private func roundTrip(_ values: [Double]) throws -> (values: [Double], size: Int) {
        var writer = ByteWriter()
        FloatCodec.encode(values, into: &writer)
        return try writer.bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes, column: "test")
            let decoded = try FloatCodec.decode(from: &reader, count: values.count)
            #expect(reader.isAtEnd)
            return (decoded, bytes.count)
        }
    }

    @Test("every bit pattern comes back")
    func bitExact() throws {
        var random = SeededGenerator(seed: 4)
        let columns: [[Double]] = [
            [], [0], [-0.0], [.nan, 1], [.infinity, -.infinity],
            [Double(bitPattern: 0x7FF0_0000_0000_0002), 3.5], [0.1, 0.2, 0.30000000000000004],
            [9_007_199_254_740_992, 1], [.leastNonzeroMagnitude], [1e300, 0.5],
            (0..<500).map { _ in Double(bitPattern: random.next()) },
            (0..<500).map { _ in Double(Int.random(in: -9_999...9_999, using: &random)) / 1_000 },
            [1.5, -0.0],
        ]
        for column in columns {
            #expect(try roundTrip(column).values.map(\.bitPattern) == column.map(\.bitPattern))
        }
    }

    @Test("decimals are stored as small integers")
    func decimals() throws {
        let values = (0..<1_000).map { Double($0 * 37 % 1_000) / 100 }
        #expect(try roundTrip(values).size < 1_000 * 11 / 8)
    }
}
