/// Numbers in the text forms of Prometheus.
package enum NumberFormat {
    /// The shortest digits that read back as `value`, never with an exponent (Go's
    /// `FormatFloat(v, 'f', -1, 64)`).
    package static func decimal(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let shortest = "\(value.magnitude)"
        let sign = value.sign == .minus ? "-" : ""
        let parts = shortest.split(separator: "e", maxSplits: 1)
        let mantissa = parts[0].split(separator: ".", maxSplits: 1)
        var digits = String(mantissa[0])
        var fraction = mantissa.count > 1 ? String(mantissa[1]) : ""
        if fraction == "0" { fraction = "" }
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        if exponent >= 0 {
            let moved = fraction.prefix(exponent)
            digits += moved + String(repeating: "0", count: exponent - moved.count)
            fraction = String(fraction.dropFirst(moved.count))
        } else {
            let padded = String(repeating: "0", count: -exponent) + digits
            let split = padded.index(padded.endIndex, offsetBy: exponent)
            fraction = padded[split...] + fraction
            digits = String(padded[..<split])
        }
        let leading = digits.drop { $0 == "0" }
        digits = leading.isEmpty ? "0" : String(leading)
        return sign + (fraction.isEmpty ? digits : "\(digits).\(fraction)")
    }

    /// Milliseconds as seconds with three decimals, the form after `@`.
    package static func seconds(milliseconds: Int64) -> String {
        let magnitude = milliseconds.magnitude
        let rest = String(magnitude % 1_000)
        let sign = milliseconds < 0 ? "-" : ""
        return "\(sign)\(magnitude / 1_000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }
}
