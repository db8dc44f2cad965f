import ColumnEncoding
import Foundation
import Testing

@Suite struct SeriesBlockTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    private func roundTrip(_ block: SeriesBlock, _ effort: EncodingEffort) throws {
        let bytes = SeriesBlockCodec.encode(block, effort: effort)
        let back = try bytes.withUnsafeBytes { try SeriesBlockCodec.decode($0) }
        #expect(back.series == block.series)
        #expect(back.counts == block.counts)
        #expect(back.times == block.times)
        #expect(back.values.map(\.bitPattern) == block.values.map(\.bitPattern))
    }

    @Test("every double comes back with its bits", arguments: EncodingEffort.allCases)
    func adversarialValues(effort: EncodingEffort) throws {
        var block = SeriesBlock()
        let special: [[Double]] = [
            [0, -0.0, 1, -1],
            [.nan, Double(bitPattern: 0x7FF0_0000_0000_0002), .infinity, -.infinity],
            [0.1, 0.2, 0.30000000000000004, 1e300],
            [.leastNonzeroMagnitude, .greatestFiniteMagnitude, 1, 2],
            [9_007_199_254_740_992, 9_007_199_254_740_991, -9_007_199_254_740_991, 0],
            [1.5, 2.25, 3.125, 1e-15], [42],
        ]
        for (index, values) in special.enumerated() {
            block.series.append(UInt32(index * 3))
            block.counts.append(UInt32(values.count))
            block.values += values
            block.times += values.indices.map { Int64($0) * 15_000 - 7 }
        }
        try roundTrip(block, effort)
    }

    @Test("random series of counters, gauges and true doubles come back")
    func randomSeries() throws {
        for seed in 1...40 as ClosedRange<UInt64> {
            var random = Generator(state: seed)
            var block = SeriesBlock()
            var number: UInt32 = 0
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                number += UInt32.random(in: 1...5, using: &random)
                let count = Int.random(in: 1...300, using: &random)
                let kind = Int.random(in: 0...3, using: &random)
                var time = Int64.random(in: -1_000...2_000_000_000_000, using: &random)
                var value = 0.0
                for _ in 0..<count {
                    time += Int64.random(in: 1...20_000, using: &random)
                    switch kind {
                    case 0: value += Double(Int.random(in: 0...100, using: &random))
                    case 1: value = Double(Int.random(in: -10_000...10_000, using: &random)) / 100
                    case 2: value = Double(bitPattern: random.next())
                    default: value = Double.random(in: 0...1, using: &random)
                    }
                    block.times.append(time)
                    block.values.append(value)
                }
                block.series.append(number)
                block.counts.append(UInt32(count))
            }
            try roundTrip(block, seed % 2 == 0 ? .sealed : .compacted)
        }
    }

    @Test("a cut or changed block is reported, never read")
    func damage() throws {
        var block = SeriesBlock()
        block.series = [1, 2]
        block.counts = [3, 2]
        block.times = [1, 2, 3, 1, 2]
        block.values = [1, 2, 3, 0.5, .nan]
        let bytes = SeriesBlockCodec.encode(block, effort: .sealed)
        for length in bytes.indices {
            #expect(throws: ColumnDecodeError.self) {
                try bytes[..<length].withUnsafeBytes { try SeriesBlockCodec.decode($0) }
            }
        }
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x55
            #expect(throws: ColumnDecodeError.self) {
                try changed.withUnsafeBytes { try SeriesBlockCodec.decode($0) }
            }
        }
    }

    @Test("regular counters take about a byte a sample")
    func size() {
        var block = SeriesBlock()
        var random = Generator(state: 5)
        for series in 0..<32 {
            block.series.append(UInt32(series))
            block.counts.append(1_000)
            var value = 0.0
            for index in 0..<1_000 {
                value += Double(Int.random(in: 0...20, using: &random))
                block.times.append(Int64(index) * 15_000)
                block.values.append(value)
            }
        }
        let bytes = SeriesBlockCodec.encode(block, effort: .compacted).count
        #expect(Double(bytes) / 32_000 < 0.8)
    }
}
