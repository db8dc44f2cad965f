import Compression
import Testing

@Suite("zstd")
struct ZstdTests {
    /// A frame without content size or checksum, of `blocks` blocks that each repeat one byte 128 KiB
    /// long (RFC 8878 §3.1.1): four bytes a block.
    private func bomb(blocks: Int) -> [UInt8] {
        var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58]
        for block in 0..<blocks {
            let header = (128 << 10) << 3 | 1 << 1 | (block == blocks - 1 ? 1 : 0)
            frame += [UInt8(header & 0xFF), UInt8(header >> 8 & 0xFF), UInt8(header >> 16), 0x2A]
        }
        return frame
    }

    @Test("what was compressed expands to itself")
    func roundTrip() throws {
        for input in Samples.everything(seed: 11) + [[]] {
            for level: Int32 in [-5, 1, 3, 9] {
                let packed = Zstd.compress(input, level: level)
                #expect(try Zstd.decompress(packed, limit: input.count) == input)
                #expect(try Zstd.decompress(packed, exactly: input.count) == input)
            }
        }
    }

    @Test("blocks appended to one array are found again by their lengths")
    func appending() throws {
        let inputs = Samples.everything(seed: 12)
        var packed: [UInt8] = [1, 2, 3]
        let lengths = inputs.map { input in
            input.withUnsafeBytes { Zstd.compress($0, level: 1, appendingTo: &packed) }
        }
        #expect(Array(packed[..<3]) == [1, 2, 3])

        var expanded: [UInt8] = [9]
        var start = 3
        for (input, length) in zip(inputs, lengths) {
            try packed.withUnsafeBytes { all in
                let block = UnsafeRawBufferPointer(rebasing: all[start..<(start + length)])
                try Zstd.decompress(block, exactly: input.count, appendingTo: &expanded)
                #expect(try Zstd.decompress(block, limit: .max) == input)
            }
            start += length
        }
        #expect(start == packed.count)
        #expect(expanded == [9] + inputs.flatMap { $0 })
    }

    @Test("a failed expansion leaves the array as it was")
    func failedAppend() {
        let streamed = bomb(blocks: 4)
        let sized = Zstd.compress([UInt8](repeating: 1, count: 5_000), level: 1)
        for packed in [streamed, sized, Array(streamed.dropLast()), Array(sized.dropLast())] {
            var output: [UInt8] = [1, 2, 3]
            #expect(throws: CompressionError.self) {
                try packed.withUnsafeBytes {
                    try Zstd.decompress($0, limit: 4_999, appendingTo: &output)
                }
            }
            #expect(throws: CompressionError.self) {
                try packed.withUnsafeBytes {
                    try Zstd.decompress($0, exactly: 4_999, appendingTo: &output)
                }
            }
            #expect(output == [1, 2, 3])
        }
    }

    @Test(
        "frames of other programs are read, with and without size and checksum",
        arguments: [
            "28b52ffd04588d000058736964656c69676874200a01004d0a1258b183bb",
            "28b52ffd241e8d000058736964656c69676874200a01004d0a1258b183bb",
            "28b52ffd00588d000058736964656c69676874200a01004d0a12",
        ])
    func foreign(hex: String) throws {
        let packed = bytes(hex: hex)
        #expect(try Zstd.decompress(packed, limit: 30) == sentence)
        #expect(try Zstd.decompress(packed, exactly: 30) == sentence)
        #expect(throws: CompressionError.tooLarge(limit: 29)) {
            try Zstd.decompress(packed, limit: 29)
        }
    }

    @Test("frames that follow one another are one content, skippable ones are skipped")
    func frames() throws {
        let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 7, 7, 7]
        let packed = Zstd.compress(sentence, level: 1)
        let all = packed + skippable + packed
        #expect(try Zstd.decompress(all, limit: 60) == sentence + sentence)
        #expect(throws: CompressionError.tooLarge(limit: 59)) {
            try Zstd.decompress(all, limit: 59)
        }
    }

    @Test("content of another size than expected is corrupt")
    func wrongSize() {
        let sized = Zstd.compress(sentence, level: 1)
        let streamed = bytes(hex: "28b52ffd00588d000058736964656c69676874200a01004d0a12")
        for count in [-1, 0, 29, 31, .max] {
            expectCorrupt { try Zstd.decompress(sized, exactly: count) }
            #expect(throws: CompressionError.self) {
                try Zstd.decompress(streamed, exactly: count)
            }
        }
    }

    @Test("a frame cut off at any byte or followed by anything else is corrupt")
    func truncation() {
        var samples = Samples(seed: 13)
        let sized = Zstd.compress(samples.words(300), level: 3)
        let streamed = bytes(hex: "28b52ffd04588d000058736964656c69676874200a01004d0a1258b183bb")
        for packed in [sized, streamed] {
            for end in 0..<packed.count {
                expectCorrupt { try Zstd.decompress(Array(packed[..<end]), limit: 1_000) }
            }
            expectCorrupt { try Zstd.decompress(packed + [0], limit: 1_000) }
            expectCorrupt { try Zstd.decompress(packed + Array("tail".utf8), limit: 1_000) }
        }
    }

    @Test("corrupt bytes are refused or stay within the limit, and the next block is not harmed")
    func corruption() throws {
        var samples = Samples(seed: 14)
        let input = samples.words(400)
        let packed = Zstd.compress(input, level: 3)
        for _ in 0..<4_000 {
            var broken = packed
            let index = Int(samples.next() % UInt64(broken.count))
            broken[index] = UInt8(truncatingIfNeeded: samples.next())
            let output = try? Zstd.decompress(broken, limit: 500)
            #expect(output == nil || output!.count <= 500)
            let exact = try? Zstd.decompress(broken, exactly: 400)
            #expect(exact == nil || exact!.count == 400)
        }
        #expect(try Zstd.decompress(packed, exactly: 400) == input)
    }

    @Test("a bomb that does not say its size is stopped at the limit")
    func streamedBomb() {
        let gigabyte = bomb(blocks: 8_192)
        #expect(gigabyte.count < 33 << 10)
        #expect(throws: CompressionError.tooLarge(limit: 1 << 20)) {
            try Zstd.decompress(gigabyte, limit: 1 << 20)
        }
        #expect(throws: CompressionError.tooLarge(limit: 0)) {
            try Zstd.decompress(gigabyte, limit: 0)
        }
    }

    @Test("the bomb's frame is well-formed and expands under a sufficient limit")
    func smallBomb() throws {
        let output = try Zstd.decompress(bomb(blocks: 3), limit: 384 << 10)
        #expect(output == [UInt8](repeating: 0x2A, count: 384 << 10))
    }

    @Test("a size beyond the limit, or beyond what the frame can hold, is refused unread")
    func claims() {
        // Single segment, eight bytes of content size: 2^62.
        let claim: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0]
        #expect(throws: CompressionError.self) { try Zstd.decompress(claim, limit: .max) }
        #expect(throws: CompressionError.self) { try Zstd.decompress(claim, limit: 1_000) }
        expectCorrupt { try Zstd.decompress(claim, exactly: 1 << 62) }
    }

    @Test("a window beyond what the limit warrants is refused")
    func window() {
        // Window descriptor with exponent 21: 2 GiB.
        expectCorrupt {
            try Zstd.decompress([0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8, 1, 0, 0], limit: 1_000)
        }
    }

    @Test("many tasks at once each get their own content back")
    func concurrency() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    var samples = Samples(seed: UInt64(100 + task))
                    for _ in 0..<50 {
                        let input = samples.words(2_000)
                        let packed = Zstd.compress(input, level: 1)
                        let output = try Zstd.decompress(packed, exactly: 2_000)
                        #expect(output == input)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
