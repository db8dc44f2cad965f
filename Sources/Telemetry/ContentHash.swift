/// A stable 128-bit hash of bytes: the identity of a label set and of a retried batch. It is written to
/// disk, so the function never changes; a new one would be a new type.
///
/// Two lanes of 64×64→128 multiply-and-fold (the construction of Wang Yi's wyhash), 16 bytes a step.
/// Not cryptographic: whoever can choose labels can make two series collide.
package struct ContentHash: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    @inlinable package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package init(_ bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { ContentHash($0) }
    }

    package init(_ bytes: UnsafeRawBufferPointer) {
        var a: UInt64 = 0x9E37_79B9_7F4A_7C15
        var b: UInt64 = 0xC2B2_AE3D_27D4_EB4F ^ UInt64(bytes.count)
        var offset = 0
        while offset + 16 <= bytes.count {
            let x = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let y = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
            a = ContentHash.fold(a ^ x, y ^ 0xA076_1D64_78BD_642F)
            b = ContentHash.fold(b ^ y, x ^ 0xE703_7ED1_A0B4_28DB)
            offset += 16
        }
        var tail: (UInt64, UInt64) = (0, 0)
        var shift: UInt64 = 0
        while offset < bytes.count {
            if shift < 64 {
                tail.0 |= UInt64(bytes[offset]) << shift
            } else {
                tail.1 |= UInt64(bytes[offset]) << (shift - 64)
            }
            shift += 8
            offset += 1
        }
        a = ContentHash.fold(a ^ tail.0, tail.1 ^ 0x8EBC_6AF0_9C88_C6E3)
        b = ContentHash.fold(b ^ tail.1, tail.0 ^ 0x5899_65CC_7537_4CC3)
        high = ContentHash.fold(a, b ^ 0x1D8E_4E27_C47D_124F)
        low = ContentHash.fold(b, a ^ 0xEB44_ACCA_B455_D165)
    }

    /// The identity of a request's body, by which a retry is known: the same construction with four pairs
    /// of lanes, 64 bytes a step, so that a step need not wait for the one before. Kept for minutes, as long
    /// as clients try again; like the other it never changes.
    package init(ofBody bytes: UnsafeRawBufferPointer) {
        let steps = bytes.count / 64
        var lanes = BodyLanes()
        for step in 0..<steps { lanes.add(bytes, at: step &* 64) }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[(steps * 64)...])
        var words = lanes.words
        words.append(UInt64(bytes.count))
        let long = words.withUnsafeBytes { ContentHash($0) }
        let end = ContentHash(rest)
        high = ContentHash.fold(long.high, end.high ^ 0x1D8E_4E27_C47D_124F)
        low = ContentHash.fold(long.low, end.low ^ 0xEB44_ACCA_B455_D165)
    }

    package init(ofBody bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { ContentHash(ofBody: $0) }
    }

    /// Four pairs of lanes, each of which sees a quarter of the bytes.
    private struct BodyLanes {
        private var first = Lanes(0)
        private var second = Lanes(1)
        private var third = Lanes(2)
        private var fourth = Lanes(3)

        var words: [UInt64] {
            [first, second, third, fourth].flatMap { [$0.a, $0.b] }
        }

        @inline(__always)
        mutating func add(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
            first.add(bytes, at: offset)
            second.add(bytes, at: offset &+ 16)
            third.add(bytes, at: offset &+ 32)
            fourth.add(bytes, at: offset &+ 48)
        }
    }

    private struct Lanes {
        var a: UInt64
        var b: UInt64

        init(_ number: UInt64) {
            a = 0x9E37_79B9_7F4A_7C15 &+ number
            b = 0xC2B2_AE3D_27D4_EB4F &+ number
        }

        @inline(__always)
        mutating func add(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
            let x = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let y = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self))
            a = ContentHash.fold(a ^ x, y ^ 0xA076_1D64_78BD_642F)
            b = ContentHash.fold(b ^ y, x ^ 0xE703_7ED1_A0B4_28DB)
        }
    }

    @inline(__always)
    private static func fold(_ x: UInt64, _ y: UInt64) -> UInt64 {
        let (high, low) = x.multipliedFullWidth(by: y)
        return high ^ low ^ x
    }

    /// Already mixed: the low word is hash enough.
    @inlinable package func hash(into hasher: inout Hasher) { hasher.combine(low) }
}

extension ContentHash: Comparable {
    package static func < (a: ContentHash, b: ContentHash) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }
}
