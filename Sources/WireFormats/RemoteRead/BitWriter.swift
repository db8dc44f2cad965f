import Telemetry

/// Bits, the highest first.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    /// Free bits of the last byte.
    private var free = 0

    /// The lowest `count` bits of `value`.
    mutating func append(_ value: UInt64, count: Int) {
        var left = count
        while left > 0 {
            if free == 0 {
                bytes.append(0)
                free = 8
            }
            let taken = min(free, left)
            let mask: UInt64 = (1 << UInt64(taken)) - 1
            let part = value >> UInt64(left - taken) & mask
            bytes[bytes.count - 1] |= UInt8(truncatingIfNeeded: part << UInt64(free - taken))
            free -= taken
            left -= taken
        }
    }

    mutating func appendVarint(_ value: UInt64) {
        var encoded: [UInt8] = []
        Varint.append(value, to: &encoded)
        for byte in encoded { append(UInt64(byte), count: 8) }
    }

    /// Widths of numbers by how many ones stand before them (Prometheus, tsdb/chunkenc/varbit.go).
    private static let widths: [Int64] = [0, 3, 6, 9, 12, 18, 25, 56, 64]

    /// A number in as many bits as it needs: small ones are the most frequent.
    mutating func append(varbit value: Int64) {
        let place =
            value == 0
            ? 0
            : Self.widths.dropFirst().firstIndex { width in
                width == 64 || 1 - (1 << (width - 1)) <= value && value <= 1 << (width - 1)
            } ?? 8
        append(varbit: UInt64(bitPattern: value), place)
    }

    /// As for signed numbers, with room for twice as large ones.
    mutating func append(unsignedVarbit value: UInt64) {
        let place = Self.widths.firstIndex { $0 == 64 || value < 1 << $0 } ?? 8
        append(varbit: value, place)
    }

    private mutating func append(varbit value: UInt64, _ place: Int) {
        // The last class needs no zero behind its ones.
        if place == 8 {
            append(0xFF, count: 8)
        } else {
            append(((1 << UInt64(place)) - 1) << 1, count: place + 1)
        }
        append(value, count: Int(Self.widths[place]))
    }
}
