import Compression
import Telemetry
import Testing
import WireFormats

@Suite("remote read on the wire")
struct RemoteReadWireTests {
    @Test("CRC-32C has the published check value")
    func checksum() {
        #expect(
            Array("123456789".utf8).withUnsafeBytes { CRC32C.checksum($0) } == 0xE306_9283)
    }

    @Test("a request is read whole, and its beginnings are refused or shorter")
    func request() throws {
        var writer = ProtobufWriter()
        writer.message(1) { query in
            query.varint(1, 5)
            query.varint(2, 9)
            query.message(3) {
                $0.varint(1, 3)
                $0.string(2, "job")
                $0.string(3, "a|b")
            }
            query.message(4) { $0.string(3, "rate") }
        }
        writer.packedVarints(2, [1, 9, 0])
        let request = try RemoteRead.decode(writer.bytes)
        let query = try #require(request.queries.first)
        #expect(request.queries.count == 1 && query.start == 5 && query.end == 9)
        #expect(query.matchers.map(\.kind) == [.doesNotMatch])
        #expect(query.matchers.map { [$0.name, $0.value] } == [["job", "a|b"]])
        #expect(request.accepted == [.streamedChunks, .samples])
        for count in writer.bytes.indices {
            do {
                let part = try RemoteRead.decode(Array(writer.bytes[..<count]))
                #expect(part != request)
            } catch {
                continue
            }
        }
    }

    @Test("chunks hold the samples bit by bit", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func chunks(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var times: [Int64] = []
        var values: [Double] = []
        var time = Int64(bitPattern: random.next() >> 20)
        for _ in 0..<1_000 {
            time +=
                [15_000, 15_000, 14_999, 15_001, 40_000, 1, 300_000, 90_000_000][
                    Int(random.next() % 8)]
            times.append(time)
            let bits = random.next()
            let value: Double =
                switch bits % 5 {
                case 0: values.last ?? 0
                case 1: Double(bitPattern: bits)
                case 2: Double(bits % 1_000)
                case 3: Sample.staleMarker
                default: (values.last ?? 0) + 1
                }
            values.append(value)
        }
        var writer = RemoteRead.FrameWriter()
        writer.append(Labels(["a": "b"]), query: 0, times, values)
        let decoded = try writer.bytes.withUnsafeBytes { try ChunkedSeries($0) }
        #expect(decoded.labels == ["a", "b"])
        #expect(decoded.times == times)
        #expect(decoded.values.map(\.bitPattern) == values.map(\.bitPattern))
    }
}

private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

/// Reads frames of one series as Prometheus does.
private struct ChunkedSeries {
    var labels: [String] = []
    var times: [Int64] = []
    var values: [Double] = []

    init(_ bytes: UnsafeRawBufferPointer) throws {
        var offset = 0
        while offset < bytes.count {
            let length = Int(Varint.read(bytes, &offset) ?? 0)
            offset += 4
            var message = ProtobufReader(
                UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]))
            offset += length
            while case let key = try message.nextKey(), key != 0 {
                guard key == ProtobufKey.length(1) else {
                    try message.skip(key)
                    continue
                }
                var series = try message.message("series")
                while case let key = try series.nextKey(), key != 0 {
                    var part = try series.message("part")
                    while case let key2 = try part.nextKey(), key2 != 0 {
                        if key == ProtobufKey.length(1) {
                            labels.append(String(decoding: try part.bytes("l"), as: UTF8.self))
                        } else if key2 == ProtobufKey.length(4) {
                            read(try part.bytes("data"))
                        } else {
                            try part.skip(key2)
                        }
                    }
                }
            }
        }
    }

    private mutating func read(_ data: UnsafeRawBufferPointer) {
        var position = 16
        func bit() -> UInt64 {
            defer { position += 1 }
            return UInt64(data[position / 8] >> UInt8(7 - position % 8) & 1)
        }
        func bits(_ count: Int) -> UInt64 {
            (0..<count).reduce(0) { value, _ in value << 1 | bit() }
        }
        func varint() -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while true {
                let byte = bits(8)
                value |= (byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
        }
        func signed(_ count: UInt64) -> Int64 {
            let raw = Int64(bits(Int(count)))
            return raw > 1 << (count - 1) ? raw - 1 << count : raw
        }
        var (interval, leading, trailing): (Int64, Int, Int) = (0, 0, 0)
        var value: UInt64 = 0
        for index in 0..<(Int(data[0]) << 8 | Int(data[1])) {
            if index == 0 {
                times.append(Varint.unzigzag(varint()))
                value = bits(64)
            } else {
                if index == 1 {
                    interval = Int64(bitPattern: varint())
                } else {
                    var prefix = 0
                    while prefix < 4, bit() == 1 { prefix += 1 }
                    if prefix == 1 { interval += signed(14) }
                    if prefix == 2 { interval += signed(17) }
                    if prefix == 3 { interval += signed(20) }
                    if prefix == 4 { interval += Int64(bitPattern: bits(64)) }
                }
                times.append(times[times.count - 1] + interval)
                if bit() == 1 {
                    if bit() == 1 {
                        leading = Int(bits(5))
                        let significant = Int(bits(6))
                        trailing = 64 - leading - (significant == 0 ? 64 : significant)
                    }
                    value ^= bits(64 - leading - trailing) << UInt64(trailing)
                }
            }
            values.append(Double(bitPattern: value))
        }
    }
}
