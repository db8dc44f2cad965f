import ColumnEncoding
import Testing

@Suite("Columns of integers")
struct IntegerCodecTests {
    static let layouts: [IntegerLayout] = [.packed, .planes]

    private func roundTrip(_ values: [Int64], _ layout: IntegerLayout) throws -> [Int64] {
        var writer = ByteWriter()
        IntegerCodec.encode(values, into: &writer, layout: layout)
        return try writer.bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes, column: "test")
            let decoded: [Int64] = try IntegerCodec.decode(from: &reader, count: values.count)
            #expect(reader.isAtEnd)
            return decoded
        }
    }

    private func size(_ values: [Int64]) -> Int {
        var writer = ByteWriter()
        IntegerCodec.encode(values, into: &writer)
        return writer.count
    }

    /// Columns that stress one property each, for a given length.
    private func adversarial(_ count: Int) -> [[Int64]] {
        var random = SeededGenerator(seed: UInt64(count) + 7)
        var columns: [[Int64]] = [
            Array(repeating: 42, count: count),
            Array(repeating: .min, count: count),
            (0..<count).map { $0 % 2 == 0 ? .min : .max },
            (0..<count).map { $0 % 2 == 0 ? 0 : -1 },
            (0..<count).map { Int64($0) * 15_000 },
            (0..<count).map { Int64($0 / 7) },
            (0..<count).map { Int64($0) * Int64($0) },
            (0..<count).map { $0 % 50 == 3 ? .max : Int64($0 % 5) },
            (0..<count).map { $0 % 40 == 9 ? -1_000_000_000_000 : Int64($0) * 1_000 },
        ]
        for width in 0...64 {
            let mask = width == 64 ? UInt64.max : (1 << UInt64(width)) - 1
            columns.append(
                (0..<count).map { _ in
                    Int64(bitPattern: UInt64.random(in: 0...mask, using: &random))
                })
        }
        columns.append(
            (0..<count).map { _ in
                Int64(bitPattern: UInt64.random(in: 0...UInt64.max, using: &random))
                    >> Int64.random(in: 0...63, using: &random)
            })
        return columns
    }

    @Test(
        "every column comes back as it was",
        arguments: [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 127, 128, 129, 130, 131, 255, 256, 257, 1_000])
    func roundTrips(count: Int) throws {
        for column in adversarial(count) {
            for layout in Self.layouts {
                #expect(try roundTrip(column, layout) == column)
            }
        }
    }

    @Test("unsigned and narrow columns come back as they were")
    func narrowTypes() throws {
        var random = SeededGenerator(seed: 3)
        for count in [1, 5, 128, 300] {
            for shift in [0, 8, 20, 31] {
                let wide = (0..<count).map { _ in
                    UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64(shift)
                }
                let words = wide.map { UInt32(truncatingIfNeeded: $0) >> UInt32(shift) }
                let bytes = wide.map { UInt8(truncatingIfNeeded: $0) >> UInt8(min(7, shift)) }
                for layout in Self.layouts {
                    var writer = ByteWriter()
                    IntegerCodec.encode(wide, into: &writer, layout: layout)
                    IntegerCodec.encode(words, into: &writer, layout: layout)
                    IntegerCodec.encode(bytes, into: &writer, layout: layout)
                    try writer.bytes.withUnsafeBytes { raw in
                        var reader = ByteReader(raw, column: "test")
                        let a: [UInt64] = try IntegerCodec.decode(from: &reader, count: count)
                        let b: [UInt32] = try IntegerCodec.decode(from: &reader, count: count)
                        let c: [UInt8] = try IntegerCodec.decode(from: &reader, count: count)
                        #expect(a == wide && b == words && c == bytes && reader.isAtEnd)
                    }
                }
            }
        }
    }

    @Test("a constant column takes a few bytes whatever its length")
    func constant() {
        #expect(size(Array(repeating: 1_700_000_000_000, count: 100_000)) <= 8)
    }

    @Test("regular timestamps take next to nothing")
    func regular() {
        #expect(size((0..<10_000).map { 1_700_000_000_000 + 15_000 * Int64($0) }) <= 24)
    }

    @Test("long runs are stored as runs")
    func runs() {
        #expect(size((0..<100_000).map { Int64($0 / 10_000) * 977 }) <= 80)
    }

    @Test("a rare outlier is patched and does not widen its run")
    func outliers() {
        let values = (0..<1_280).map { (row: Int) -> Int64 in
            row % 128 == 77 ? 1 << 40 : Int64(row * 7 % 16)
        }
        #expect(size(values) < 1_280 / 2 + 10 * 16)
    }

    @Test("one step back in an ascending column does not widen the others")
    func stepBack() {
        var random = SeededGenerator(seed: 11)
        var now: Int64 = 0
        let values = (0..<1_280).map { row -> Int64 in
            now += Int64.random(in: 0..<1_000, using: &random)
            if row % 128 == 60 { now -= 1_000_000_000 }
            return now
        }
        #expect(size(values) < 1_280 * 10 / 8 + 10 * 20)
    }

    @Test("a truncated column is reported at every length", arguments: layouts)
    func truncation(layout: IntegerLayout) {
        for column in adversarial(150) {
            var writer = ByteWriter()
            IntegerCodec.encode(column, into: &writer, layout: layout)
            for length in 0..<writer.count {
                writer.bytes[..<length].withUnsafeBytes { bytes in
                    var reader = ByteReader(bytes, column: "test")
                    #expect(throws: ColumnDecodeError.self) {
                        let _: [Int64] = try IntegerCodec.decode(from: &reader, count: 150)
                    }
                }
            }
        }
    }

    @Test("random bytes never trap", arguments: 0..<40)
    func fuzz(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<500 {
            var bytes = (0..<Int.random(in: 0..<64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Valid headers lead further in than random ones.
            if !bytes.isEmpty { bytes[0] = UInt8.random(in: 0..<12, using: &random) }
            bytes.withUnsafeBytes { raw in
                var reader = ByteReader(raw, column: "test")
                let count = Int.random(in: 0..<400, using: &random)
                do {
                    let values: [UInt32] = try IntegerCodec.decode(from: &reader, count: count)
                    #expect(values.count == count)
                } catch {
                    #expect(error is ColumnDecodeError)
                }
            }
        }
    }
}
