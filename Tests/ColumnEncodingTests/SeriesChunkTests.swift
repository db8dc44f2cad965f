import ColumnEncoding
import Telemetry
import Testing

/// Chunks of a block: decoded one by one, predicted from each other, summarised.
@Suite struct SeriesChunkTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    /// Buckets of histograms that rise together, at the times of one scrape, with the odd stale marker.
    private static func histograms(seed: UInt64, samples: Int) -> SeriesBlock {
        var random = Generator(state: seed)
        var block = SeriesBlock()
        let times = (0..<samples).map {
            1_000 + Int64($0) * 15_000 + Int64(random.next() % 50 == 0 ? 4 : 0)
        }
        let rises = (0..<samples).map { _ in Double(random.next() % 300) }
        for series in 0..<24 {
            var value = Double(random.next() % 10_000)
            let share = Double(series % 12 + 1) / 12
            for rise in rises {
                value += (rise * share).rounded()
                let odd = series == 5 && random.next() % 40 == 0
                block.values.append(
                    odd ? Double(bitPattern: 0x7FF0_0000_0000_0002) : series == 7 ? 1 : value)
            }
            block.times += times
            block.series.append(UInt32(series * 2))
            block.counts.append(UInt32(samples))
        }
        return block
    }

    @Test("chunks come back in any order", arguments: [5, 63, 64, 500, 1_536, 1_537, 4_000])
    func anyOrder(samples: Int) throws {
        let block = Self.histograms(seed: UInt64(samples), samples: samples)
        let reader = try SeriesBlockReader(SeriesBlockCodec.encode(block, effort: .compacted))
        var random = Generator(state: 9)
        var scratch = SeriesScratch()
        for place in block.series.indices.shuffled(using: &random) {
            let chunks = reader.chunks(of: block.series[place])
            var position = place * samples
            for chunk in chunks {
                try reader.decode(chunk, &scratch)
                let run = position..<(position + reader.count(chunk))
                #expect(scratch.times == Array(block.times[run]))
                #expect(
                    scratch.values.map(\.bitPattern) == block.values[run].map(\.bitPattern))
                #expect(reader.firstTime(chunk) == block.times[run.lowerBound])
                #expect(reader.lastTime(chunk) == block.times[run.upperBound - 1])
                position = run.upperBound
            }
            #expect(position == (place + 1) * samples)
        }
        #expect(reader.chunks(of: 1).isEmpty)
        #expect(reader.chunks(of: 999).isEmpty)
    }

    @Test("a block in two parts tells chunks and summaries before its samples are there")
    func apart() throws {
        for samples in [5, 400, 2_000] {
            let block = Self.histograms(seed: 4, samples: samples)
            let parts = SeriesBlockCodec.encodeApart(block, effort: .compacted)
            let whole = try SeriesBlockReader(SeriesBlockCodec.encode(block, effort: .compacted))
            let reader = try SeriesBlockReader(parts.descriptions)
            #expect(whole.hasSamples)
            #expect(!reader.hasSamples)
            #expect(reader.chunkCount == whole.chunkCount)
            var scratch = SeriesScratch()
            #expect(throws: ColumnDecodeError.self) { try reader.decode(0, &scratch) }
            let other = Self.histograms(seed: 5, samples: samples + 1)
            #expect(throws: ColumnDecodeError.self) {
                try reader.attach(
                    SeriesBlockCodec.encodeApart(other, effort: .compacted).payloads)
            }
            let before = reader.byteCount
            #expect(try reader.attach(parts.payloads) == reader.byteCount - before)
            #expect(try reader.attach(parts.payloads) == 0)
            for chunk in 0..<whole.chunkCount {
                #expect(reader.summary(chunk) == whole.summary(chunk))
                try whole.decode(chunk, &scratch)
                let (times, values) = (scratch.times, scratch.values)
                try reader.decode(chunk, &scratch)
                #expect(scratch.times == times)
                #expect(scratch.values.map(\.bitPattern) == values.map(\.bitPattern))
            }
        }
    }

    @Test("a summary says what the samples say")
    func summaries() throws {
        let block = Self.histograms(seed: 3, samples: 3_000)
        let reader = try SeriesBlockReader(SeriesBlockCodec.encode(block, effort: .sealed))
        var scratch = SeriesScratch()
        var summarised = 0
        for chunk in 0..<reader.chunkCount {
            try reader.decode(chunk, &scratch)
            guard let summary = reader.summary(chunk) else {
                #expect(scratch.values.contains { !$0.isFinite })
                continue
            }
            summarised += 1
            let falls = zip(scratch.values, scratch.values.dropFirst()).filter { $1 < $0 }
            #expect(summary.count == scratch.values.count)
            #expect(summary.first == scratch.values.first && summary.last == scratch.values.last)
            #expect(
                summary.minimum == scratch.values.min()
                    && summary.maximum == scratch.values.max())
            #expect(summary.sum + summary.compensation == scratch.values.reduce(0, +))
            #expect(summary.resets == falls.count)
            #expect(summary.resetSum == falls.reduce(0) { $0 + $1.0 })
        }
        #expect(summarised == reader.chunkCount - 2)
    }

    @Test("buckets of one histogram pack better together than apart")
    func prediction() {
        let together = Self.histograms(seed: 4, samples: 1_500)
        var apart = 0
        for place in 0..<12 {
            var single = SeriesBlock()
            let run = (place * 1_500)..<((place + 1) * 1_500)
            single.series = [0]
            single.counts = [1_500]
            single.times = Array(together.times[run])
            single.values = Array(together.values[run])
            apart += SeriesBlockCodec.encode(single, effort: .compacted).count
        }
        let size = SeriesBlockCodec.encode(together, effort: .compacted).count
        #expect(size < apart, "24 series in \(size) bytes, the first 12 apart in \(apart)")
    }

    @Test("a block that lies about itself is refused or decoded, never read past its end")
    func lies() {
        var random = Generator(state: 77)
        for samples in [3, 40, 200] {
            let bytes = SeriesBlockCodec.encode(
                Self.histograms(seed: 1, samples: samples), effort: .compacted)
            for _ in 0..<1_500 {
                var changed = bytes
                for _ in 0...(random.next() % 3) {
                    let place = Int(random.next() % UInt64(bytes.count - 8))
                    changed[place] = UInt8(truncatingIfNeeded: random.next())
                }
                let checksum = ContentHash(Array(changed.dropLast(8))).low
                for byte in 0..<8 {
                    changed[changed.count - 8 + byte] = UInt8(
                        truncatingIfNeeded: checksum >> (8 * UInt64(byte)))
                }
                do {
                    let block = try changed.withUnsafeBytes { try SeriesBlockCodec.decode($0) }
                    #expect(block.times.count == block.values.count)
                } catch {
                    #expect(error is ColumnDecodeError)
                }
            }
        }
    }
}
