import QueryCore

extension HistogramValue {
    /// As `count_values` labels it: `{count:3, sum:4.5, [-1,1]:1, (1,2]:2}`.
    package var text: String {
        var parts = [
            "count:\(NumberFormat.general(count))", "sum:\(NumberFormat.general(sum))",
        ]
        for bucket in buckets where bucket.count != 0 {
            parts.append(
                "\(bucket.includesLower ? "[" : "(")\(NumberFormat.general(bucket.lower)),"
                    + "\(NumberFormat.general(bucket.upper))\(bucket.includesUpper ? "]" : ")")"
                    + ":\(NumberFormat.general(bucket.count))")
        }
        return "{\(parts.joined(separator: ", "))}"
    }
}

extension NumberFormat {
    /// The shortest digits that read back as `value`, with an exponent of at least two digits below 1e-4
    /// and from 1e6 on (Go's `%g`).
    package static func general(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return decimal(value) }
        let plain = decimal(value.magnitude)
        let digits = plain.filter { $0 != "." }.drop { $0 == "0" }
        let significant = String(digits.reversed().drop { $0 == "0" }.reversed())
        let whole = plain.prefix { $0 != "." }
        let exponent: Int
        if whole == "0" {
            exponent = -(plain.dropFirst(2).prefix { $0 == "0" }.count + 1)
        } else {
            exponent = whole.count - 1
        }
        guard exponent < -4 || exponent >= 6 else { return decimal(value) }
        let head = significant.prefix(1)
        let tail = significant.dropFirst()
        let magnitude = String(exponent.magnitude)
        return (value < 0 ? "-" : "") + head + (tail.isEmpty ? "" : ".\(tail)")
            + "e\(exponent < 0 ? "-" : "+")\(magnitude.count < 2 ? "0" : "")\(magnitude)"
    }
}
