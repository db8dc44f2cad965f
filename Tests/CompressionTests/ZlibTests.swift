import Compression
import Testing

@Suite("zlib")
struct ZlibTests {
    static let formats: [Zlib.Format] = [.gzip, .zlib, .raw]

    @Test("what was compressed expands to itself, by its own name and detected", arguments: formats)
    func roundTrip(format: Zlib.Format) throws {
        for input in Samples.everything(seed: 1) {
            for level: Int32 in [0, 1, 6, 9] {
                let packed = try Zlib.compress(input, format: format, level: level)
                #expect(try Zlib.decompress(packed, format: format, limit: input.count) == input)
                #expect(try Zlib.decompress(packed, format: .automatic, limit: .max) == input)
            }
        }
    }

    @Test("empty content makes a stream that expands to nothing", arguments: formats)
    func emptyContent(format: Zlib.Format) throws {
        let packed = try Zlib.compress([], format: format)
        #expect(!packed.isEmpty)
        #expect(try Zlib.decompress(packed, format: format, limit: 0) == [])
    }

    @Test("empty input is no stream", arguments: formats + [.automatic])
    func emptyInput(format: Zlib.Format) {
        #expect(throws: CompressionError.self) {
            try Zlib.decompress([], format: format, limit: 100)
        }
    }

    @Test(
        "streams of other programs are read",
        arguments: [
            "1f8b0808000000000203732e747874002bce4c49cdc94ccf285128c6647101002626155c1e000000",
            "78da2bce4c49cdc94ccf285128c664710100b7770b82",
            "2bce4c49cdc94ccf285128c664710100",
        ])
    func foreign(hex: String) throws {
        #expect(try Zlib.decompress(bytes(hex: hex), format: .automatic, limit: 100) == sentence)
    }

    @Test("gzip members that follow one another are one content")
    func members() throws {
        let one = try Zlib.compress(sentence, format: .gzip)
        let empty = try Zlib.compress([], format: .gzip)
        let all = try Zlib.decompress(one + empty + one, format: .gzip, limit: 60)
        #expect(all == sentence + sentence)
        #expect(throws: CompressionError.tooLarge(limit: 59)) {
            try Zlib.decompress(one + empty + one, format: .gzip, limit: 59)
        }
    }

    @Test("a stream that is followed by anything else is corrupt", arguments: formats)
    func trailing(format: Zlib.Format) throws {
        let packed = try Zlib.compress(sentence, format: format)
        for garbage in [[0], [0x1F], [0x1F, 0x8B], Array("\r\n".utf8)] as [[UInt8]] {
            expectCorrupt { try Zlib.decompress(packed + garbage, format: format, limit: 1_000) }
        }
    }

    @Test("a stream cut off at any byte is corrupt", arguments: formats)
    func truncation(format: Zlib.Format) throws {
        var samples = Samples(seed: 2)
        let packed = try Zlib.compress(samples.words(300), format: format)
        for end in 0..<packed.count {
            expectCorrupt {
                try Zlib.decompress(Array(packed[..<end]), format: format, limit: 1_000)
            }
        }
    }

    @Test("a flipped bit is found by the checksum", arguments: [Zlib.Format.gzip, .zlib])
    func flippedBits(format: Zlib.Format) throws {
        var samples = Samples(seed: 3)
        let input = samples.words(300)
        let packed = try Zlib.compress(input, format: format)
        var harmless = 0
        for bit in 0..<(packed.count * 8) {
            var broken = packed
            broken[bit / 8] ^= 1 << (bit % 8)
            let output = try? Zlib.decompress(broken, format: format, limit: 1_000)
            #expect(output == nil || output == input, "bit \(bit)")
            if output != nil { harmless += 1 }
        }
        // gzip's flags for text, time, level and system, and the padding after the last block.
        #expect(harmless <= 1 + 32 + 8 + 8 + 7)
    }

    @Test("noise never expands to more than the limit, nor crashes")
    func noise() {
        var samples = Samples(seed: 4)
        for _ in 0..<2_000 {
            let input = samples.noise(Int(samples.next() % 200))
            let output = try? Zlib.decompress(input, format: .automatic, limit: 100)
            #expect(output == nil || output!.count <= 100)
        }
    }

    @Test("content of exactly the limit passes, one byte more does not", arguments: formats)
    func limit(format: Zlib.Format) throws {
        for count in [1, 63, 64, 65, 10_000, 65_536] {
            let packed = try Zlib.compress([UInt8](repeating: 7, count: count), format: format)
            #expect(try Zlib.decompress(packed, format: format, limit: count).count == count)
            #expect(throws: CompressionError.tooLarge(limit: count - 1)) {
                try Zlib.decompress(packed, format: format, limit: count - 1)
            }
        }
        let packed = try Zlib.compress(sentence, format: format)
        #expect(throws: CompressionError.self) {
            try Zlib.decompress(packed, format: format, limit: -1)
        }
    }

    @Test("a bomb is stopped at the limit")
    func bomb() throws {
        let megabytes = try Zlib.compress(
            [UInt8](repeating: 0, count: 8 << 20), format: .gzip, level: 1)
        var bomb: [UInt8] = []
        for _ in 0..<128 { bomb += megabytes }
        #expect(throws: CompressionError.tooLarge(limit: 1 << 20)) {
            try Zlib.decompress(bomb, format: .gzip, limit: 1 << 20)
        }
    }

    @Test("a stream that needs a preset dictionary is refused with that reason")
    func dictionary() {
        // CMF 78, FLG with FDICT, then the dictionary's checksum (RFC 1950 §2.2).
        let packed = bytes(hex: "78bb0000000103000000000001")
        #expect(
            throws: CompressionError.corrupt(format: "zlib", reason: "needs a preset dictionary")
        ) {
            try Zlib.decompress(packed, format: .zlib, limit: 100)
        }
    }
}

/// Expects an error that blames the input.
func expectCorrupt(
    _ body: () throws -> [UInt8], sourceLocation: SourceLocation = #_sourceLocation
) {
    do {
        let output = try body()
        Issue.record("expanded to \(output.count) bytes", sourceLocation: sourceLocation)
    } catch CompressionError.corrupt(_, let reason) {
        #expect(!reason.isEmpty, sourceLocation: sourceLocation)
    } catch {
        Issue.record("\(error)", sourceLocation: sourceLocation)
    }
}
