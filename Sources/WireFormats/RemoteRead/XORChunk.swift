import Telemetry

/// Float samples as Prometheus's XOR chunk (tsdb/docs/format/chunks.md, after Pelkonen et al., "Gorilla",
/// VLDB 2015 §4.1): count u16 BE │ first time varint │ first value f64 BE │ first interval uvarint │ value │
/// then for each sample the change of the interval and the XOR with the value before, in bits.
struct XORChunk {
    /// Prometheus cuts its chunks there.
    static let samplesMax = 120

    private var bits = BitWriter()
    private var previousTime: Int64 = 0
    private var interval: Int64 = 0
    private var previousValue: UInt64 = 0
    private var leading = 0xFF
    private var trailing = 0
    private var count = 0

    /// - Parameters: of equal length, 1 to `UInt16.max` samples by ascending time.
    static func encode(_ times: ArraySlice<Int64>, _ values: ArraySlice<Double>) -> [UInt8] {
        var chunk = XORChunk()
        for (time, value) in zip(times, values) { chunk.append(time, value.bitPattern) }
        let head = UInt16(truncatingIfNeeded: chunk.count)
        return [UInt8(head >> 8), UInt8(truncatingIfNeeded: head)] + chunk.bits.bytes
    }

    private mutating func append(_ time: Int64, _ value: UInt64) {
        switch count {
        case 0:
            bits.appendVarint(Varint.zigzag(time))
            bits.append(value, count: 64)
        case 1:
            interval = time &- previousTime
            bits.appendVarint(UInt64(bitPattern: interval))
            append(change: value ^ previousValue)
        default:
            let next = time &- previousTime
            append(intervalChange: next &- interval)
            interval = next
            append(change: value ^ previousValue)
        }
        previousTime = time
        previousValue = value
        count += 1
    }

    private mutating func append(intervalChange change: Int64) {
        let raw = UInt64(bitPattern: change)
        if change == 0 {
            bits.append(0, count: 1)
        } else if Self.fits(change, 14) {
            bits.append(0b10, count: 2)
            bits.append(raw, count: 14)
        } else if Self.fits(change, 17) {
            bits.append(0b110, count: 3)
            bits.append(raw, count: 17)
        } else if Self.fits(change, 20) {
            bits.append(0b1110, count: 4)
            bits.append(raw, count: 20)
        } else {
            bits.append(0b1111, count: 4)
            bits.append(raw, count: 64)
        }
    }

    private static func fits(_ value: Int64, _ count: Int64) -> Bool {
        -(1 << (count - 1) - 1) <= value && value <= 1 << (count - 1)
    }

    private mutating func append(change: UInt64) {
        guard change != 0 else { return bits.append(0, count: 1) }
        bits.append(1, count: 1)
        let newLeading = min(31, change.leadingZeroBitCount)
        let newTrailing = change.trailingZeroBitCount
        if leading != 0xFF, newLeading >= leading, newTrailing >= trailing {
            bits.append(0, count: 1)
            bits.append(change >> UInt64(trailing), count: 64 - leading - trailing)
            return
        }
        leading = newLeading
        trailing = newTrailing
        let significant = 64 - leading - trailing
        bits.append(1, count: 1)
        bits.append(UInt64(leading), count: 5)
        // 64 does not fit six bits and is written as 0.
        bits.append(UInt64(significant & 63), count: 6)
        bits.append(change >> UInt64(trailing), count: significant)
    }
}

/// Bits, the highest first.
private struct BitWriter {
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
}
