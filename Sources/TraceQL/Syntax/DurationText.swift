/// Durations as Go writes them (`1h30m`, `1.5s`, `250us`), and days, weeks and years.
package enum DurationText {
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000),
        ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000), ("w", 604_800_000_000_000), ("y", 31_536_000_000_000_000),
    ]

    /// Nanoseconds; `nil` if `text` is no duration or does not fit.
    package static func parse(_ text: some StringProtocol) -> Int64? {
        var rest = Substring(text)
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            let number = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            rest = rest.dropFirst(number.count)
            let name = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard let unit = units.first(where: { $0.name == name }),
                let part = scaled(number, by: unit.nanoseconds)
            else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !overflow else { return nil }
            total = sum
        }
        return total
    }

    private static func scaled(_ number: Substring, by unit: Int64) -> Int64? {
        if let whole = Int64(number) {
            let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
            return overflow ? nil : product
        }
        guard let value = Double(number.hasPrefix(".") ? "0" + number : String(number)) else {
            return nil
        }
        let product = (value * Double(unit)).rounded()
        return product < 0x1p63 ? Int64(product) : nil
    }

    /// As Go prints it: `1h0m5s`, `1.5s`, `250ms`, `40µs`; zero is `0s`.
    package static func format(_ nanoseconds: Int64) -> String {
        guard nanoseconds != 0 else { return "0s" }
        let sign = nanoseconds < 0 ? "-" : ""
        let size = nanoseconds.magnitude
        if size < 1_000 { return "\(sign)\(size)ns" }
        if size < 1_000_000 { return sign + fraction(size, of: 1_000) + "µs" }
        if size < 1_000_000_000 { return sign + fraction(size, of: 1_000_000) + "ms" }
        let minutes = size / 60_000_000_000
        let seconds = fraction(size % 60_000_000_000, of: 1_000_000_000) + "s"
        if minutes == 0 { return sign + seconds }
        if minutes < 60 { return "\(sign)\(minutes)m\(seconds)" }
        return "\(sign)\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }

    private static func fraction(_ value: UInt64, of unit: UInt64) -> String {
        let rest = value % unit
        guard rest != 0 else { return String(value / unit) }
        var digits = String(rest)
        let width = String(unit).utf8.count - 1
        digits = String(repeating: "0", count: width - digits.utf8.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(value / unit).\(digits)"
    }
}
