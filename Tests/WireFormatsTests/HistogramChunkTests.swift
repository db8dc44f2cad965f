import Telemetry
import Testing
import WireFormats

@Suite("native histograms as chunks of remote read")
struct HistogramChunkTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 31
        }
    }

    private static let layouts: [NativeHistogram] = {
        var plain = NativeHistogram(schema: 3)
        plain.zeroThreshold = 0x1p-128
        plain.positiveSpans = [.init(offset: -4_000, length: 3), .init(offset: 40, length: 2)]
        plain.positiveCounts = [0, 0, 0, 0, 0]
        plain.negativeSpans = [.init(offset: 7, length: 1)]
        plain.negativeCounts = [0]
        var odd = NativeHistogram(schema: -4)
        odd.zeroThreshold = 0.3
        var custom = NativeHistogram(schema: NativeHistogram.customBucketsSchema)
        custom.customBounds = [-1, 0, 0.005, 1.0 / 3, 33_554.43, 1e9]
        custom.positiveSpans = [.init(offset: 0, length: 7)]
        custom.positiveCounts = [Double](repeating: 0, count: 7)
        return [plain, odd, custom]
    }()

    /// Histograms that rise, fall, change their layout, end and are gauges, by random times.
    private static func samples(_ random: inout Random) -> [HistogramSample] {
        var samples: [HistogramSample] = []
        var time = Int64.random(in: -1_000_000...1_800_000_000_000, using: &random)
        var current = layouts[0]
        for _ in 0..<600 {
            time += [15_000, 15_000, 14_999, 1, 90_000_000][Int.random(in: 0...4, using: &random)]
            switch Int.random(in: 0...60, using: &random) {
            case 0: current = layouts[Int.random(in: 0...2, using: &random)]
            case 1: current.count = 0
            case 2: current.resetHint = current.resetHint == .gauge ? .unknown : .gauge
            case 3:
                var end = NativeHistogram(schema: 0)
                end.sum = Sample.staleMarker
                samples.append(HistogramSample(series: 0, time: time, histogram: end))
                continue
            default:
                current.count += Double.random(in: 0...9, using: &random).rounded()
                current.zeroCount += Bool.random(using: &random) ? 1 : 0
                current.sum += Double.random(in: -1...1, using: &random)
                for index in current.positiveCounts.indices {
                    current.positiveCounts[index] +=
                        Double.random(in: 0...3, using: &random).rounded()
                }
            }
            samples.append(HistogramSample(series: 0, time: time, histogram: current))
        }
        return samples
    }

    @Test("hold them bit by bit, and no counter of a chunk falls", arguments: 1...8)
    func roundTrip(seed: UInt64) throws {
        var random = Random(state: seed)
        let samples = Self.samples(&random)
        var writer = RemoteRead.FrameWriter()
        writer.append(Labels(["a": "b"]), query: 0, [], [], samples)
        let chunks = try StreamedChunk.all(writer.bytes)
        #expect(chunks.allSatisfy { $0.kind == 3 && $0.samples.count <= 120 })
        let decoded = chunks.flatMap(\.samples)
        try #require(decoded.map(\.time) == samples.map(\.time))
        for (found, wanted) in zip(decoded, samples) {
            let histogram = wanted.histogram
            #expect(found.schema == Int64(histogram.schema))
            #expect(found.zeroThreshold == histogram.zeroThreshold)
            #expect(found.spans == [histogram.positiveSpans, histogram.negativeSpans])
            #expect(found.bounds == histogram.customBounds)
            let numbers =
                [histogram.count, histogram.zeroCount, histogram.sum] + histogram.positiveCounts
                + histogram.negativeCounts
            #expect(found.numbers.map(\.bitPattern) == numbers.map(\.bitPattern))
            #expect((found.flags == 0xC0) == (histogram.resetHint == .gauge))
        }
        for chunk in chunks where chunk.samples.first?.flags != 0xC0 {
            for (earlier, later) in zip(chunk.samples, chunk.samples.dropFirst()) {
                #expect(later.numbers[0] >= earlier.numbers[0], "a count falls within a chunk")
            }
        }
    }

    @Test("numbers and histograms of a series come in chunks that do not overlap")
    func mixed() throws {
        let histograms = [5, 6, 20].map {
            HistogramSample(series: 0, time: $0, histogram: Self.layouts[1])
        }
        var writer = RemoteRead.FrameWriter()
        writer.append(Labels(["a": "b"]), query: 0, [1, 2, 7, 30], [1, 2, 3, 4], histograms)
        let chunks = try StreamedChunk.all(writer.bytes)
        #expect(chunks.map(\.kind) == [1, 3, 1, 3, 1])
        #expect(chunks.map(\.times) == [1...2, 5...6, 7...7, 20...20, 30...30])
    }
}

/// A chunk of a streamed answer, read as Prometheus reads it.
private struct StreamedChunk {
    struct Histogram {
        var time: Int64
        var flags: UInt8
        var schema: Int64
        var zeroThreshold: Double
        var spans: [[NativeHistogram.Span]]
        var bounds: [Double]
        /// Count, zero count, sum and buckets.
        var numbers: [Double]
    }

    var kind: UInt64 = 0
    var times: ClosedRange<Int64> = 0...0
    /// Of chunks of kind 3.
    var samples: [Histogram] = []

    static func all(_ bytes: [UInt8]) throws -> [StreamedChunk] {
        try bytes.withUnsafeBytes { bytes in
            var chunks: [StreamedChunk] = []
            var offset = 0
            while offset < bytes.count {
                let length = Int(Varint.read(bytes, &offset) ?? 0)
                offset += 4
                var frame = ProtobufReader(
                    UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]))
                offset += length
                while case let key = try frame.nextKey(), key != 0 {
                    guard key == ProtobufKey.length(1) else {
                        try frame.skip(key)
                        continue
                    }
                    var series = try frame.message("series")
                    while case let key = try series.nextKey(), key != 0 {
                        guard key == ProtobufKey.length(2) else {
                            try series.skip(key)
                            continue
                        }
                        chunks.append(try StreamedChunk(try series.message("chunk")))
                    }
                }
            }
            return chunks
        }
    }

    private init(_ message: ProtobufReader) throws {
        var message = message
        var (first, last): (Int64, Int64) = (0, 0)
        while case let key = try message.nextKey(), key != 0 {
            switch key {
            case ProtobufKey.varint(1): first = Int64(bitPattern: try message.varint("min"))
            case ProtobufKey.varint(2): last = Int64(bitPattern: try message.varint("max"))
            case ProtobufKey.varint(3): kind = try message.varint("type")
            default:
                let data = try message.bytes("data")
                if kind == 3 { samples = Self.histograms(data) }
            }
        }
        times = first...last
    }

    private static func histograms(_ data: UnsafeRawBufferPointer) -> [Histogram] {
        var reader = Bits(data: data, position: 24)
        let zero = reader.take(8)
        let threshold =
            switch zero {
            case 0: 0.0
            case 255: Double(bitPattern: reader.take(64))
            default: Double(sign: .plus, exponent: Int(zero) - 244, significand: 1)
            }
        let schema = reader.signed()
        let spans = (0..<2).map { _ in
            (0..<reader.unsigned()).map { _ -> NativeHistogram.Span in
                let length = UInt32(reader.unsigned())
                return NativeHistogram.Span(offset: Int32(reader.signed()), length: length)
            }
        }
        var bounds: [Double] = []
        if schema == -53 {
            for _ in 0..<reader.unsigned() {
                let thousandths = reader.unsigned()
                bounds.append(
                    thousandths == 0
                        ? Double(bitPattern: reader.take(64)) : Double(thousandths - 1) / 1_000)
            }
        }
        let count = 3 + spans.joined().reduce(0) { $0 + Int($1.length) }
        var numbers = [XOR](repeating: XOR(), count: count)
        var (time, interval): (Int64, Int64) = (0, 0)
        return (0..<(Int(data[0]) << 8 | Int(data[1]))).map { index in
            if index == 0 {
                time = reader.signed()
                for place in numbers.indices { numbers[place].value = reader.take(64) }
            } else {
                interval += reader.signed()
                time += interval
                for place in numbers.indices { numbers[place].read(&reader) }
            }
            return Histogram(
                time: time, flags: data[2], schema: schema, zeroThreshold: threshold,
                spans: spans, bounds: bounds, numbers: numbers.map { Double(bitPattern: $0.value) })
        }
    }

    private struct XOR {
        var value: UInt64 = 0
        var leading = 0
        var trailing = 0

        mutating func read(_ bits: inout Bits) {
            guard bits.take(1) == 1 else { return }
            if bits.take(1) == 1 {
                leading = Int(bits.take(5))
                let significant = Int(bits.take(6))
                trailing = 64 - leading - (significant == 0 ? 64 : significant)
            }
            value ^= bits.take(64 - leading - trailing) << UInt64(trailing)
        }
    }

    private struct Bits {
        var data: UnsafeRawBufferPointer
        var position: Int

        mutating func take(_ count: Int) -> UInt64 {
            var value: UInt64 = 0
            for _ in 0..<count {
                value = value << 1 | UInt64(data[position / 8] >> UInt8(7 - position % 8) & 1)
                position += 1
            }
            return value
        }

        private mutating func width() -> Int {
            var ones = 0
            while ones < 8, take(1) == 1 { ones += 1 }
            return [0, 3, 6, 9, 12, 18, 25, 56, 64][ones]
        }

        mutating func unsigned() -> UInt64 { take(width()) }

        mutating func signed() -> Int64 {
            let width = width()
            let raw = take(width)
            guard width > 0, width < 64 else { return Int64(bitPattern: raw) }
            return raw > 1 << UInt64(width - 1) ? Int64(raw) - 1 << Int64(width) : Int64(raw)
        }
    }
}
