import QueryCore

/// Durations as Prometheus writes them: `1y2w3d4h5m6s7ms`, units from large to small, each at most
/// once. A year is 365 days, a week 7.
package enum PromQLDuration {
    private static let units: [(name: String, milliseconds: Int64, isExact: Bool)] = [
        ("y", 365 * 86_400_000, true), ("w", 7 * 86_400_000, true), ("d", 86_400_000, false),
        ("h", 3_600_000, false), ("m", 60_000, false), ("s", 1_000, false), ("ms", 1, false),
    ]

    /// Why a text is no duration.
    package enum Failure: Error, Equatable {
        case malformed
        case outOfRange
    }

    /// Milliseconds.
    package static func parse(_ text: String) throws(Failure) -> Int64 {
        var rest = Array(text.utf8)[...]
        if rest.elementsEqual("0".utf8) { return 0 }
        var total: Int64 = 0
        var nextUnit = 0
        guard !rest.isEmpty else { throw .malformed }
        while !rest.isEmpty {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            rest = rest.dropFirst(letters.count)
            let name = String(decoding: letters, as: UTF8.self)
            guard !digits.isEmpty,
                let unit = units[nextUnit...].firstIndex(where: { $0.name == name })
            else { throw .malformed }
            nextUnit = unit + 1
            guard let count = Int64(String(decoding: digits, as: UTF8.self)) else {
                throw .outOfRange
            }
            let (product, isTooLarge) = count.multipliedReportingOverflow(
                by: units[unit].milliseconds)
            let (sum, overflow) = total.addingReportingOverflow(product)
            // Prometheus counts nanoseconds in 64 bits.
            guard !isTooLarge, !overflow, sum <= Int64.max / 1_000_000 else { throw .outOfRange }
            total = sum
        }
        return total
    }

    /// The shortest text; years and weeks only where they divide the rest.
    package static func format(milliseconds: Int64) -> String {
        guard milliseconds != 0 else { return "0s" }
        var rest = milliseconds.magnitude
        var text = milliseconds < 0 ? "-" : ""
        for unit in units {
            let size = UInt64(unit.milliseconds)
            if unit.isExact, rest % size != 0 { continue }
            if rest / size > 0 {
                text += "\(rest / size)\(unit.name)"
                rest %= size
            }
        }
        return text
    }
}
