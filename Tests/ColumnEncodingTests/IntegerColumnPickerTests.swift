import ColumnEncoding
import Testing

@Suite("Single values of columns of integers")
struct IntegerColumnPickerTests {
    /// Columns of every kind and order, of lengths around those of runs.
    private static func columns(_ random: inout SeededGenerator) -> [[UInt64]] {
        var columns: [[UInt64]] = []
        for count in [1, 2, 3, 127, 128, 129, 256, 700] {
            columns.append([UInt64](repeating: 42, count: count))
            columns.append((0..<count).map { UInt64($0) * 15_000 })
            columns.append((0..<count).map { UInt64($0) * UInt64($0) })
            columns.append((0..<count).map { UInt64($0 / 40) % 3 })
            columns.append((0..<count).map { $0 % 50 == 3 ? .max : UInt64($0 % 5) })
            for width: UInt64 in [1, 7, 13, 33, 57, 64] {
                columns.append(
                    (0..<count).map { _ in
                        UInt64.random(in: 0...UInt64.max, using: &random) >> (64 - width)
                    })
            }
        }
        return columns
    }

    private static func places(_ count: Int, _ random: inout SeededGenerator) -> [Int] {
        switch UInt8.random(in: 0...3, using: &random) {
        case 0: []
        case 1: [count - 1]
        case 2: (0..<count).filter { _ in UInt8.random(in: 0...9, using: &random) == 0 }
        default: Array(0..<count) + [count - 1]
        }
    }

    @Test("are those of the whole column, and reading goes on behind it", arguments: 1...4)
    func values(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for column in Self.columns(&random) {
            for layout in IntegerCodecTests.layouts {
                let places = Self.places(column.count, &random)
                var writer = ByteWriter()
                column.withUnsafeBufferPointer {
                    IntegerCodec.encode($0, into: &writer, layout: layout)
                }
                writer.append(0xA5 as UInt8)
                try writer.bytes.withUnsafeBytes { bytes in
                    var reader = ByteReader(bytes, column: "test")
                    let found = try IntegerColumnPicker.pick(
                        from: &reader, count: column.count, at: places)
                    #expect(found == places.map { column[$0] }, "seed \(seed)")
                    #expect(try reader.readByte() == 0xA5)
                }
            }
        }
    }

    @Test("a column that is cut off anywhere is refused")
    func truncation() throws {
        var random = SeededGenerator(seed: 5)
        for column in Self.columns(&random) where column.count < 200 {
            for layout in IntegerCodecTests.layouts {
                var writer = ByteWriter()
                column.withUnsafeBufferPointer {
                    IntegerCodec.encode($0, into: &writer, layout: layout)
                }
                for places in [[], [0], [column.count - 1]] {
                    for end in 0..<writer.bytes.count {
                        #expect(throws: ColumnDecodeError.self) {
                            try writer.bytes[..<end].withUnsafeBytes { bytes in
                                var reader = ByteReader(bytes, column: "test")
                                _ = try IntegerColumnPicker.pick(
                                    from: &reader, count: column.count, at: places)
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("doubles are scaled as in the whole column")
    func doubles() throws {
        for column in [[1.5, 2.25, -3, 1e6], [0.1, .pi, .infinity, -0.0]] {
            var writer = ByteWriter()
            FloatCodec.encode(column, into: &writer)
            try writer.bytes.withUnsafeBytes { bytes in
                var reader = ByteReader(bytes, column: "test")
                let found = try FloatCodec.pick(from: &reader, count: column.count, at: [1, 3])
                #expect(found == [column[1].bitPattern, column[3].bitPattern])
                #expect(reader.isAtEnd)
            }
        }
    }
}
