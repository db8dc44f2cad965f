/// Durations as Go writes them (`1h30m`, `1.5s`, `250us`; also days, weeks and years) and sizes with
/// decimal and binary units (`20MB`, `1KiB`).
enum Quantity {
    private static let durationUnits: [(name: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000),
        ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000), ("w", 604_800_000_000_000), ("y", 31_536_000_000_000_000),
    ]

    private static let sizeUnits: [(name: String, bytes: UInt64)] = [
        ("", 1), ("b", 1), ("kib", 1 << 10), ("ki", 1 << 10), ("kb", 1_000), ("k", 1_000),
        ("mib", 1 << 20), ("mi", 1 << 20), ("mb", 1_000_000), ("m", 1_000_000),
        ("gib", 1 << 30), ("gi", 1 << 30), ("gb", 1_000_000_000), ("g", 1_000_000_000),
        ("tib", 1 << 40), ("ti", 1 << 40), ("tb", 1_000_000_000_000), ("t", 1_000_000_000_000),
        ("pib", 1 << 50), ("pi", 1 << 50), ("pb", 1_000_000_000_000_000),
        ("p", 1_000_000_000_000_000), ("eib", 1 << 60), ("ei", 1 << 60),
        ("eb", 1_000_000_000_000_000_000), ("e", 1_000_000_000_000_000_000),
    ]

    /// As short as it can be read back.
    static func format(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 0x1p53 ? String(Int64(number)) : "\(number)"
    }

    /// Nanoseconds; `nil` if `text` is no duration or does not fit.
    static func duration(_ text: some StringProtocol) -> Int64? {
        var rest = Substring(text)
        var sign: Int64 = 1
        if let first = rest.first, first == "-" || first == "+" {
            sign = first == "-" ? -1 : 1
            rest.removeFirst()
        }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count)
            let name = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard let unit = durationUnits.first(where: { $0.name == name }),
                let part = scaled(number, by: unit.nanoseconds)
            else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !overflow else { return nil }
            total = sum
        }
        return sign * total
    }

    private static func scaled(_ number: Substring, by unit: Int64) -> Int64? {
        if let whole = Int64(number) {
            let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
            return overflow ? nil : product
        }
        guard let value = Double(number.hasPrefix(".") ? "0" + number : String(number)) else {
            return nil
        }
        let product = value * Double(unit)
        return product < 0x1p63 ? Int64(product) : nil
    }

    /// Bytes; `nil` if `text` is no size or does not fit. A bare number counts bytes.
    static func bytes(_ text: some StringProtocol) -> UInt64? {
        let number = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        var name = text.dropFirst(number.count)
        while name.first == " " { name = name.dropFirst() }
        let unitName = name.lowercased()
        guard let unit = sizeUnits.first(where: { $0.name == unitName }) else { return nil }
        if let whole = UInt64(number) {
            let (product, overflow) = whole.multipliedReportingOverflow(by: unit.bytes)
            return overflow ? nil : product
        }
        guard let value = Double(number.hasPrefix(".") ? "0" + number : String(number)) else {
            return nil
        }
        let product = value * Double(unit.bytes)
        return product < 0x1p64 ? UInt64(product) : nil
    }

    /// The shortest compound of hours to nanoseconds.
    static func format(nanoseconds: Int64) -> String {
        guard nanoseconds != 0 else { return "0s" }
        var rest = nanoseconds.magnitude
        var text = nanoseconds < 0 ? "-" : ""
        for name in ["h", "m", "s", "ms", "us", "ns"] {
            guard let unit = durationUnits.first(where: { $0.name == name }) else { continue }
            let size = UInt64(unit.nanoseconds)
            if rest / size > 0 { text += "\(rest / size)\(name)" }
            rest %= size
        }
        return text
    }

    /// With the largest unit that divides it.
    static func format(bytes: UInt64) -> String {
        let units: [(String, UInt64)] = [
            ("TiB", 1 << 40), ("TB", 1_000_000_000_000), ("GiB", 1 << 30), ("GB", 1_000_000_000),
            ("MiB", 1 << 20), ("MB", 1_000_000), ("KiB", 1 << 10), ("KB", 1_000),
        ]
        for (name, size) in units where bytes > 0 && bytes % size == 0 {
            return "\(bytes / size)\(name)"
        }
        return "\(bytes)B"
    }
}
