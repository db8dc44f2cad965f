/// Reproducible inputs (SplitMix64).
struct Samples: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func noise(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    /// Words from a small vocabulary, as attribute values are.
    mutating func words(_ count: Int) -> [UInt8] {
        let vocabulary = ["checkout", "GET /cart/{id}", "500", "payment", "canary", "\u{0}\u{1}"]
        var text: [UInt8] = []
        while text.count < count { text += vocabulary.randomElement(using: &self)!.utf8 }
        return Array(text[..<count])
    }

    /// Noise, words and runs of one byte of many sizes around powers of two.
    static func everything(seed: UInt64) -> [[UInt8]] {
        var samples = Samples(seed: seed)
        var inputs: [[UInt8]] = []
        for size in [1, 2, 7, 63, 64, 65, 1_000, 4_096, 65_535, 65_537, 300_000] {
            inputs.append(samples.noise(size))
            inputs.append(samples.words(size))
            inputs.append(
                [UInt8](repeating: UInt8(truncatingIfNeeded: samples.next()), count: size))
        }
        return inputs
    }
}

func bytes(hex: String) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count, by: 2).map { index in
        UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)!
    }
}

/// What the `hex` samples of the format tests expand to.
let sentence = Array("sidelight sidelight sidelight\n".utf8)
