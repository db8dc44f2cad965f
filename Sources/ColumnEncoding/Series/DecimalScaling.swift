/// Doubles as integers times a power of ten, exactly.
///
/// After ALP (Afroozeh, Kuffo, Boncz, SIGMOD 2023) and VictoriaMetrics' decimal encoding, but only where
/// the way back gives the same bits: `Double(mantissa) / 10^exponent`. Both operands are exact doubles
/// (mantissa below 2^53, exponent at most 22), so IEEE 754 division gives the double nearest to the
/// decimal number, which is what a sender that printed or parsed the number had.
enum DecimalScaling {
    static let exponentMax = 15
    static let mantissaMax = 9_007_199_254_740_992.0

    static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ]

    /// The mantissa of `value` at `exponent`; `nil` if the way back would not give the same bits.
    @inline(__always)
    static func mantissa(_ value: Double, power: Double) -> Int64? {
        let scaled = (value * power).rounded(.toNearestOrEven)
        guard abs(scaled) < mantissaMax else { return nil }
        let mantissa = Int64(scaled)
        return (Double(mantissa) / power).bitPattern == value.bitPattern ? mantissa : nil
    }

    /// The smallest exponent, not below `floor`, at which `value` is an integer; `nil` if there is none.
    static func exponent(of value: Double, atLeast floor: Int) -> Int? {
        for exponent in floor...exponentMax
        where mantissa(value, power: powers[exponent]) != nil {
            return exponent
        }
        return nil
    }

    /// An exponent that suits most of `values`, and how many it does not suit. Looks at a sample first:
    /// series of true doubles are told apart without trying every value at every exponent.
    static func exponent(for values: UnsafeBufferPointer<Double>) -> Int? {
        var best = 0
        var failures = 0
        let stride = max(1, values.count / 16)
        var index = 0
        var tried = 0
        while index < values.count {
            tried += 1
            if let found = exponent(of: values[index], atLeast: best) {
                best = found
            } else if values[index].isFinite {
                failures += 1
            }
            index += stride
        }
        return failures * 4 > tried ? nil : best
    }
}

extension DecimalScaling {
    /// Appends the doubles that `integers` stand for.
    static func append(_ integers: [Int64], exponent: Int, to values: inout [Double]) {
        let start = values.count
        values.append(contentsOf: repeatElement(0, count: integers.count))
        values.withUnsafeMutableBufferPointer { values in
            integers.withUnsafeBufferPointer { integers in
                if exponent == 0 {
                    for index in integers.indices {
                        values[start &+ index] = Double(integers[index])
                    }
                } else {
                    let power = powers[exponent]
                    for index in integers.indices {
                        values[start &+ index] = Double(integers[index]) / power
                    }
                }
            }
        }
    }
}
