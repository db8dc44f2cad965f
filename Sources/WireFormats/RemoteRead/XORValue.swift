/// A value that is written as the XOR with the one before (Pelkonen et al., "Gorilla", VLDB 2015 §4.1.2).
struct XORValue: Sendable {
    private var previous: UInt64 = 0
    /// Zeros around the significant bits of the last change that told them.
    private var leading = 0xFF
    private var trailing = 0

    /// Writes the first value whole.
    mutating func begin(_ value: UInt64, _ bits: inout BitWriter) {
        bits.append(value, count: 64)
        previous = value
    }

    mutating func append(_ value: UInt64, _ bits: inout BitWriter) {
        let change = value ^ previous
        previous = value
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
