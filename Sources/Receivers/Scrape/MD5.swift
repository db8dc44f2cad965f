import Glibc

/// The MD5 digest (RFC 1321), which `hashmod` is defined by. It protects nothing here.
enum MD5 {
    /// Rotations of the four rounds.
    private static let rotations: [UInt32] = [
        7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21,
    ]

    /// `floor(2^32 · |sin(i + 1)|)`.
    private static let constants: [UInt32] = (0..<64).map {
        UInt32(abs(sin(Double($0 + 1))) * 4_294_967_296)
    }

    /// The last eight bytes of the digest as a big-endian number, as Prometheus takes them.
    static func low64(_ text: String) -> UInt64 {
        let state = digest(Array(text.utf8))
        return UInt64(state[2].byteSwapped) << 32 | UInt64(state[3].byteSwapped)
    }

    /// The four words of the digest.
    private static func digest(_ message: [UInt8]) -> [UInt32] {
        var bytes = message
        bytes.append(0x80)
        while bytes.count % 64 != 56 { bytes.append(0) }
        let bitCount = UInt64(message.count) &* 8
        withUnsafeBytes(of: bitCount.littleEndian) { bytes.append(contentsOf: $0) }
        var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476]
        bytes.withUnsafeBytes { all in
            for start in stride(from: 0, to: all.count, by: 64) { block(all, start, &state) }
        }
        return state
    }

    private static func block(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ state: inout [UInt32]
    ) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        for step in 0..<64 {
            let mixed: UInt32
            let index: Int
            switch step / 16 {
            case 0: (mixed, index) = ((b & c) | (~b & d), step)
            case 1: (mixed, index) = ((d & b) | (~d & c), (5 * step + 1) % 16)
            case 2: (mixed, index) = (b ^ c ^ d, (3 * step + 5) % 16)
            default: (mixed, index) = (c ^ (b | ~d), 7 * step % 16)
            }
            let word = UInt32(
                littleEndian: bytes.loadUnaligned(
                    fromByteOffset: start + 4 * index, as: UInt32.self))
            let sum = a &+ mixed &+ constants[step] &+ word
            let rotation = rotations[step / 16 * 4 + step % 4]
            (a, d, c, b) = (d, c, b, b &+ (sum << rotation | sum >> (32 - rotation)))
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
    }
}
