import Platform

/// A generator for ids, weights and jitter of one event loop (SplitMix64; Steele, Lea, Flood, OOPSLA
/// 2014), seeded once from an injected source. Ids need to be unlikely to collide, not hard to guess.
package struct FastRandom: Sendable {
    private var state: UInt64

    package init(seededBy source: any RandomSource) { state = source.next() }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// Never zero, as ids must be (W3C Trace Context §3.2.2).
    package mutating func nextNonZero() -> UInt64 {
        while true {
            let value = next()
            if value != 0 { return value }
        }
    }
}
