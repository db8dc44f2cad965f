import Telemetry

/// Reproducible randomness (SplitMix64) and values made of it.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func roll(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    mutating func noise(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    mutating func text() -> String {
        let characters: [Character] = ["a", "Z", "é", "大", "\"", "\\", "\n", "\u{0}", "🙂", "_"]
        return String((0..<roll(12)).map { _ in characters[roll(characters.count)] })
    }

    mutating func value(depth: Int = 0) -> AttributeValue {
        switch roll(depth < 4 ? 8 : 6) {
        case 0: .empty
        case 1: .string(text())
        case 2: .bool(roll(2) == 1)
        case 3: .int(Int64(bitPattern: next()) >> Int64(roll(64)))
        case 4: .double(Double(roll(2_000_000)) / 64 - 10_000)
        case 5: .bytes(noise(roll(20)))
        case 6: .array((0..<roll(5)).map { _ in value(depth: depth + 1) })
        default: .map((0..<roll(5)).map { _ in Attribute(text(), value(depth: depth + 1)) })
        }
    }
}
