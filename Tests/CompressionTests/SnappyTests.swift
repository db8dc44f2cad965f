import Compression
import Testing

@Suite("snappy")
struct SnappyTests {
    @Test("what was compressed expands to itself")
    func roundTrip() throws {
        for input in Samples.everything(seed: 21) + [[]] {
            let packed = Snappy.compress(input)
            #expect(try Snappy.decompress(packed, limit: input.count) == input)
        }
    }

    @Test("a block written by hand from the format's description is read")
    func byHand() throws {
        // Length 30; literal of 10; copies of 11 and 9 bytes from 10 back (one-byte offsets).
        let packed: [UInt8] = [30, 9 << 2] + sentence[..<10] + [0x1D, 10, 0x11, 10]
        #expect(throws: CompressionError.self) { try Snappy.decompress(packed, limit: 30) }
        let whole: [UInt8] =
            [30, 9 << 2] + sentence[..<10] + [0x1D, 10, 0x11, 10] + [0, UInt8(ascii: "\n")]
        #expect(try Snappy.decompress(whole, limit: 30) == sentence)
    }

    @Test("content beyond the limit is refused by its claim alone")
    func limit() {
        let packed = Snappy.compress([UInt8](repeating: 1, count: 10_000))
        #expect(throws: CompressionError.tooLarge(limit: 9_999)) {
            try Snappy.decompress(packed, limit: 9_999)
        }
        #expect(throws: CompressionError.tooLarge(limit: -1)) {
            try Snappy.decompress(packed, limit: -1)
        }
    }

    @Test("a claim that the block cannot keep is corrupt")
    func claims() {
        // 4 GiB − 1 in the length, then one literal byte.
        let packed: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 1]
        expectCorrupt { try Snappy.decompress(packed, limit: .max) }
        #expect(throws: CompressionError.tooLarge(limit: 1 << 20)) {
            try Snappy.decompress(packed, limit: 1 << 20)
        }
    }

    @Test("no compressor's output is refused for expanding too far")
    func bestCase() throws {
        // One literal byte, then copies of 64 bytes from one back, three bytes each.
        var packed: [UInt8] = [0x81, 0x80, 0x04, 0, 7]
        for _ in 0..<1_024 { packed += [63 << 2 | 2, 1, 0] }
        #expect(
            try Snappy.decompress(packed, limit: 1 << 20) == [UInt8](repeating: 7, count: 65_537))
    }

    @Test("a block cut off at any byte is corrupt, and so is an empty one")
    func truncation() {
        var samples = Samples(seed: 22)
        let packed = Snappy.compress(samples.words(300))
        for end in 0..<packed.count {
            expectCorrupt { try Snappy.decompress(Array(packed[..<end]), limit: 1_000) }
        }
        expectCorrupt { try Snappy.decompress(packed + [0], limit: 1_000) }
    }

    @Test("corrupt bytes are refused or stay within the limit")
    func corruption() {
        var samples = Samples(seed: 23)
        let packed = Snappy.compress(samples.words(400))
        for _ in 0..<4_000 {
            var broken = packed
            let index = Int(samples.next() % UInt64(broken.count))
            broken[index] = UInt8(truncatingIfNeeded: samples.next())
            let output = try? Snappy.decompress(broken, limit: 500)
            #expect(output == nil || output!.count <= 500)
        }
    }
}

@Suite("compression errors")
struct CompressionErrorTests {
    @Test("an error says what is wrong with what")
    func descriptions() {
        #expect(
            CompressionError.corrupt(format: "gzip", reason: "ends too early").description
                == "gzip data is corrupt: ends too early")
        #expect(CompressionError.tooLarge(limit: 64).description.contains("64 bytes"))
        #expect(
            CompressionError.failed(format: "zstd", reason: "out of memory").description
                == "zstd failed: out of memory")
    }
}
