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
    private var value = XORValue()
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
            self.value.begin(value, &bits)
        case 1:
            interval = time &- previousTime
            bits.appendVarint(UInt64(bitPattern: interval))
            self.value.append(value, &bits)
        default:
            let next = time &- previousTime
            append(intervalChange: next &- interval)
            interval = next
            self.value.append(value, &bits)
        }
        previousTime = time
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
}
