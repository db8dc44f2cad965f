/// Segment bytes written down from the documented layout, independent of the code under test.
enum SegmentImage {
    /// A segment header of another version, with the right checksum.
    static func header(version: UInt8) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        bytes.replaceSubrange(0..<8, with: Array("SLjourna".utf8))
        bytes[8] = version
        bytes[16] = 1
        let checksum = self.checksum(Array(bytes[..<56]), seed: 0)
        for index in 0..<8 {
            bytes[56 + index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt64(index)))
        }
        return bytes
    }

    /// The little-endian word at `offset`.
    static func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }

    /// The checksum of the journal, written for clarity.
    static func checksum(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
        var a = seed ^ 0x9E37_79B9_7F4A_7C15
        var b = seed &+ 0xC2B2_AE3D_27D4_EB4F
        let padded = bytes + [UInt8](repeating: 0, count: 32 - bytes.count % 32)
        for start in stride(from: 0, to: padded.count, by: 32) {
            a = fold(a ^ word(padded, start), word(padded, start + 8) ^ 0xA076_1D64_78BD_642F)
            b = fold(b ^ word(padded, start + 16), word(padded, start + 24) ^ 0xE703_7ED1_A0B4_28DB)
        }
        let x = fold(a ^ UInt64(bytes.count), b ^ 0x1D8E_4E27_C47D_124F)
        return fold(x ^ b, a ^ 0xEB44_ACCA_B455_D165)
    }

    private static func fold(_ x: UInt64, _ y: UInt64) -> UInt64 {
        let (high, low) = x.multipliedFullWidth(by: y)
        return (high ^ x) &+ (low ^ y)
    }
}
