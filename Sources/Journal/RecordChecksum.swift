/// A 64-bit checksum of bytes that come in pieces, against accidents, not against enemies who know the
/// seed. The result does not depend on where the pieces are cut.
///
/// Two lanes of 64×64→128 multiply-and-fold (the construction of Wang Yi's wyhash), 32 bytes a step.
/// Any change of the bytes or the seed changes the result but for a chance of about 2⁻⁶⁴. It is
/// written to disk, so the function never changes.
struct RecordChecksum {
    private static let stepBytes = 32

    private var first: UInt64
    private var second: UInt64
    private var count: UInt64 = 0
    /// Bytes that do not fill a step yet, then zeros.
    private var carry: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    private var carried = 0

    init(seed: UInt64) {
        first = seed ^ 0x9E37_79B9_7F4A_7C15
        second = seed &+ 0xC2B2_AE3D_27D4_EB4F
    }

    static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var checksum = RecordChecksum(seed: seed)
        checksum.update(bytes)
        return checksum.value
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        count &+= UInt64(bytes.count)
        var offset = 0
        if carried > 0 {
            offset = min(RecordChecksum.stepBytes - carried, bytes.count)
            keep(UnsafeRawBufferPointer(rebasing: bytes[..<offset]))
            guard carried == RecordChecksum.stepBytes else { return }
            step(carry.0, carry.1, carry.2, carry.3)
            carry = (0, 0, 0, 0)
            carried = 0
        }
        offset = steps(over: bytes, from: offset)
        keep(UnsafeRawBufferPointer(rebasing: bytes[offset...]))
    }

    /// The checksum of everything so far.
    var value: UInt64 {
        var end = self
        end.step(carry.0, carry.1, carry.2, carry.3)
        let x = RecordChecksum.fold(end.first ^ count, end.second ^ 0x1D8E_4E27_C47D_124F)
        return RecordChecksum.fold(x ^ end.second, end.first ^ 0xEB44_ACCA_B455_D165)
    }

    /// Consumes whole steps; returns the offset of the first byte left.
    private mutating func steps(over bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var offset = start
        var (a, b) = (first, second)
        while offset + RecordChecksum.stepBytes <= bytes.count {
            let w0 = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let w1 = bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
            let w2 = bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)
            let w3 = bytes.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self)
            a = RecordChecksum.fold(
                a ^ UInt64(littleEndian: w0), UInt64(littleEndian: w1) ^ 0xA076_1D64_78BD_642F)
            b = RecordChecksum.fold(
                b ^ UInt64(littleEndian: w2), UInt64(littleEndian: w3) ^ 0xE703_7ED1_A0B4_28DB)
            offset += RecordChecksum.stepBytes
        }
        (first, second) = (a, b)
        return offset
    }

    private mutating func step(_ w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64) {
        first = RecordChecksum.fold(
            first ^ UInt64(littleEndian: w0), UInt64(littleEndian: w1) ^ 0xA076_1D64_78BD_642F)
        second = RecordChecksum.fold(
            second ^ UInt64(littleEndian: w2), UInt64(littleEndian: w3) ^ 0xE703_7ED1_A0B4_28DB)
    }

    /// Appends fewer bytes than a step to the carry.
    private mutating func keep(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        let start = carried
        withUnsafeMutableBytes(of: &carry) { carry in
            UnsafeMutableRawBufferPointer(rebasing: carry[start...]).copyMemory(from: bytes)
        }
        carried += bytes.count
    }

    /// Both factors stay in the result, so that a zero one does not swallow the other.
    @inline(__always)
    private static func fold(_ x: UInt64, _ y: UInt64) -> UInt64 {
        let (high, low) = x.multipliedFullWidth(by: y)
        return (high ^ x) &+ (low ^ y)
    }
}
