import Synchronization

/// Where randomness comes from: ids, jitter, sampling.
package protocol RandomSource: Sendable {
    func next() -> UInt64
}

/// The system's generator.
package struct SystemRandom: RandomSource {
    package init() {}
    package func next() -> UInt64 { UInt64.random(in: .min ... .max) }
}

/// A reproducible sequence (SplitMix64; Steele, Lea, Flood, OOPSLA 2014). Print the seed when a test
/// that uses one fails.
package final class SeededRandom: RandomSource {
    package let seed: UInt64
    private let state: Atomic<UInt64>

    package init(seed: UInt64) {
        self.seed = seed
        state = Atomic(seed)
    }

    package func next() -> UInt64 {
        var z = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

extension RandomSource {
    /// Uniform in `0 ..< bound`; the bias of the multiply-shift reduction is below `bound / 2^64`.
    package func next(below bound: UInt64) -> UInt64 {
        next().multipliedFullWidth(by: bound).high
    }

    /// Uniform in `[0, 1)`.
    package func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
