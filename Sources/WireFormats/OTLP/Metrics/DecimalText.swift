/// Numbers in label values (`le`, `quantile`).
package enum DecimalText {
    /// The shortest decimal that reads back as `value`, without an exponent: what Go's
    /// `strconv.FormatFloat(value, 'f', -1, 64)` gives, with `+Inf`, `-Inf` and `NaN`.
    package static func plain(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let text = "\(value)"
        guard let mark = text.utf8.firstIndex(of: UInt8(ascii: "e")) else {
            return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        }
        let exponent = Int(text[text.utf8.index(after: mark)...]) ?? 0
        return shift(text[..<mark], by: exponent)
    }

    /// Moves the decimal point of `mantissa` (`-d.ddd`) by `exponent` places.
    private static func shift(_ mantissa: Substring, by exponent: Int) -> String {
        let sign = mantissa.hasPrefix("-") ? "-" : ""
        let parts = mantissa.dropFirst(sign.count).split(separator: ".")
        let whole = String(parts.first ?? "0")
        let fraction = parts.count > 1 && parts[1] != "0" ? String(parts[1]) : ""
        let digits = whole + fraction
        let point = whole.count + exponent
        if point <= 0 {
            return sign + "0." + String(repeating: "0", count: -point) + digits
        }
        if point >= digits.count {
            return sign + digits + String(repeating: "0", count: point - digits.count)
        }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
}
