import Telemetry
import Testing

@Suite("content hash")
struct ContentHashTests {
    /// From a second implementation of the function. They stand on disk: a change here is a new format.
    @Test(
        "never changes",
        arguments: [
            ("", 0x7F56_C333_69DA_08EE, 0xBB1D_EA8D_3CA8_F4D4),
            ("a", 0x9B7E_7125_6444_8F78, 0x55BA_AE3F_DBE4_2D30),
            ("sidelight", 0x2853_89AB_7370_C18D, 0xF9A5_8C40_38C3_A285),
            ("0123456789abcdef", 0xD1BD_3271_AA29_B1BC, 0x562A_4BC3_6C80_F535),
            ("0123456789abcdefg", 0xBFFE_1635_136C_1B57, 0x2945_64D3_00DC_9D60),
        ] as [(String, UInt64, UInt64)])
    func vectors(text: String, high: UInt64, low: UInt64) {
        #expect(ContentHash(Array(text.utf8)) == ContentHash(high: high, low: low))
    }

    @Test("never changes for many words")
    func longVector() {
        #expect(
            ContentHash((0...255).map { UInt8($0) })
                == ContentHash(high: 0x0FA1_0FA9_B5CB_6968, low: 0x6E0F_52F2_4336_B387))
    }

    @Test(
        "one flipped bit of input flips about half of the output's",
        arguments: [1, 8, 15, 16, 17, 40])
    func avalanche(length: Int) {
        var dice = Dice(seed: UInt64(length))
        let rounds = 200
        var flips = [Int](repeating: 0, count: 128)
        var trials = 0
        for _ in 0..<rounds {
            let input = dice.noise(length)
            let hash = ContentHash(input)
            for bit in 0..<(length * 8) {
                var other = input
                other[bit / 8] ^= 1 << (bit % 8)
                let flipped = ContentHash(other)
                #expect(flipped != hash)
                for (index, word) in [hash.high ^ flipped.high, hash.low ^ flipped.low].enumerated()
                {
                    for out in 0..<64 where word >> UInt64(out) & 1 == 1 {
                        flips[index * 64 + out] += 1
                    }
                }
                trials += 1
            }
        }
        let share = flips.map { Double($0) / Double(trials) }
        // 1,600 trials or more: five standard deviations are 0.0625 and less.
        #expect(share.allSatisfy { abs($0 - 0.5) < 0.065 }, "\(share)")
    }

    @Test("many similar label sets have different hashes, and different halves")
    func collisions() {
        var high: Set<UInt64> = []
        var low: Set<UInt64> = []
        let count = 100_000
        for number in 0..<count {
            let hash = ContentHash(Array("pod-\(number % 100)\u{0}instance-\(number / 100)".utf8))
            high.insert(hash.high)
            low.insert(hash.low)
        }
        #expect(high.count == count && low.count == count)
    }

    @Test("length is part of the content: zero bytes at the end count")
    func zeros() {
        let hashes = (0..<64).map { ContentHash([UInt8](repeating: 0, count: $0)) }
        #expect(Set(hashes).count == hashes.count)
    }

    @Test("a body's differs when any of its bytes does, or its length", arguments: [63, 64, 200])
    func bodies(length: Int) {
        let body = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var hashes: Set<ContentHash> = [ContentHash(ofBody: body), ContentHash(ofBody: body + [0])]
        for index in body.indices {
            var other = body
            other[index] ^= 0x10
            hashes.insert(ContentHash(ofBody: other))
            if index >= 16 {
                // Sixteen bytes in the place of others.
                other = body
                other.swapAt(index, index - 16)
                hashes.insert(ContentHash(ofBody: other))
            }
        }
        #expect(hashes.count == 2 + length + max(0, length - 16))
        #expect(ContentHash(ofBody: body) == ContentHash(ofBody: Array(body)))
    }
}
