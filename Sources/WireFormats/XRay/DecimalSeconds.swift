/// Seconds in decimal notation, with fraction and exponent, without the rounding that a double would
/// bring: today's seconds leave a double 200 nanoseconds of precision.
enum DecimalSeconds {
    /// Nanoseconds, rounded to the nearest; `nil` if they do not fit.
    /// - Parameter text: a number as RFC 8259 §6 writes it.
    static func nanoseconds(_ text: UnsafeRawBufferPointer) -> Int64? {
        var offset = 0
        let isNegative = text.first == UInt8(ascii: "-")
        if isNegative { offset = 1 }
        var digits: UInt64 = 0
        /// Of ten, by which `digits` counts nanoseconds.
        var scale = 9
        var isFraction = false
        while offset < text.count {
            let byte = text[offset]
            if byte == UInt8(ascii: ".") {
                isFraction = true
            } else if byte &- UInt8(ascii: "0") <= 9 {
                // 19 digits always fit; today they reach to the nanosecond, and what follows is dropped.
                if digits < 1_000_000_000_000_000_000 {
                    digits = digits &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
                    if isFraction { scale -= 1 }
                } else if !isFraction {
                    scale += 1
                }
            } else {
                guard let exponent = exponent(text, after: offset) else { return nil }
                scale += exponent
                break
            }
            offset += 1
        }
        guard let magnitude = scaled(digits, by: scale), let value = Int64(exactly: magnitude)
        else { return nil }
        return isNegative ? -value : value
    }

    /// The signed digits after the `e` at `offset`; `nil` beyond any time.
    private static func exponent(_ text: UnsafeRawBufferPointer, after offset: Int) -> Int? {
        var offset = offset + 1
        guard offset < text.count else { return nil }
        let isNegative = text[offset] == UInt8(ascii: "-")
        if isNegative || text[offset] == UInt8(ascii: "+") { offset += 1 }
        var exponent = 0
        while offset < text.count {
            exponent = exponent * 10 + Int(text[offset] &- UInt8(ascii: "0"))
            guard exponent < 100 else { return nil }
            offset += 1
        }
        return isNegative ? -exponent : exponent
    }

    private static func scaled(_ digits: UInt64, by scale: Int) -> UInt64? {
        var value = digits
        if scale >= 0 {
            for _ in 0..<scale where value != 0 {
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                if overflow { return nil }
                value = product
            }
            return value
        }
        for step in 0..<(-scale) where value != 0 {
            value = step == -scale - 1 ? (value &+ 5) / 10 : value / 10
        }
        return value
    }
}
