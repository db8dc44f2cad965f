import Telemetry

/// Prometheus's hash of a label set, by which `limit_ratio` chooses: XXH64 with seed 0 over name and value
/// of every label in order, each behind its length: one byte, or 255 and three bytes little-endian for 255
/// bytes and more (`model/labels/labels_stringlabels.go`).
package enum LabelHash {
    package static func hash(_ labels: Labels) -> UInt64 {
        var bytes: [UInt8] = []
        labels.bytes.withUnsafeBytes { raw in
            bytes.reserveCapacity(raw.count + 8)
            var cursor = LabelCursor(raw)
            while let pair = cursor.next() {
                append(pair.name, to: &bytes)
                append(pair.value, to: &bytes)
            }
        }
        return bytes.withUnsafeBytes { XXH64.hash($0) }
    }

    private static func append(_ text: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        if text.count < 255 {
            bytes.append(UInt8(truncatingIfNeeded: text.count))
        } else {
            bytes.append(255)
            for shift in [0, 8, 16] {
                bytes.append(UInt8(truncatingIfNeeded: text.count >> shift))
            }
        }
        bytes.append(contentsOf: text)
    }
}

/// The 64-bit hash of the xxHash family (Yann Collet, xxHash specification 0.1.1), seed 0.
package enum XXH64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var offset = 0
        var hash: UInt64
        if bytes.count >= 32 {
            var lanes = (prime1 &+ prime2, prime2, UInt64(0), 0 &- prime1)
            while bytes.count - offset >= 32 {
                lanes.0 = round(lanes.0, word(bytes, offset))
                lanes.1 = round(lanes.1, word(bytes, offset + 8))
                lanes.2 = round(lanes.2, word(bytes, offset + 16))
                lanes.3 = round(lanes.3, word(bytes, offset + 24))
                offset += 32
            }
            hash = rotated(lanes.0, 1) &+ rotated(lanes.1, 7)
            hash = hash &+ rotated(lanes.2, 12) &+ rotated(lanes.3, 18)
            for lane in [lanes.0, lanes.1, lanes.2, lanes.3] {
                hash = (hash ^ round(0, lane)) &* prime1 &+ prime4
            }
        } else {
            hash = prime5
        }
        hash = hash &+ UInt64(bytes.count)
        return avalanche(tail(hash, bytes, offset))
    }

    /// The last bytes, fewer than 32.
    private static func tail(
        _ hash: UInt64, _ bytes: UnsafeRawBufferPointer, _ start: Int
    ) -> UInt64 {
        var hash = hash
        var offset = start
        while bytes.count - offset >= 8 {
            hash ^= round(0, word(bytes, offset))
            hash = rotated(hash, 27) &* prime1 &+ prime4
            offset += 8
        }
        if bytes.count - offset >= 4 {
            let half = UInt32(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            hash ^= UInt64(half) &* prime1
            hash = rotated(hash, 23) &* prime2 &+ prime3
            offset += 4
        }
        for byte in bytes[offset...] {
            hash ^= UInt64(byte) &* prime5
            hash = rotated(hash, 11) &* prime1
        }
        return hash
    }

    private static func avalanche(_ hash: UInt64) -> UInt64 {
        var hash = hash
        hash = (hash ^ hash >> 33) &* prime2
        hash = (hash ^ hash >> 29) &* prime3
        return hash ^ hash >> 32
    }

    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotated(lane &+ word &* prime2, 31) &* prime1
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    private static func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 {
        value << count | value >> (64 - count)
    }
}
