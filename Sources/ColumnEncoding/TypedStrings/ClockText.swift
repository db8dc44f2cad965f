/// Times as `YYYY-MM-DDThh:mm:ss`, optionally `.` and digits, and `Z`, as a count of the smallest part
/// that is written. Days as Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013.
enum ClockText {
    /// The literals of such a text between its numbers, with and without a fraction.
    static let literals: [[UInt8]] = ["", "-", "-", "T", ":", ":", "Z"].map { Array($0.utf8) }
    static let literalsWithFraction: [[UInt8]] =
        ["", "-", "-", "T", ":", ":", ".", "Z"].map { Array($0.utf8) }

    private static let powers: [10 of Int64] = [
        1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
    ]

    /// The count for year, month, day, hour, minute, second and fraction of `digits` digits; `nil` if
    /// they are no time that reads back as the same numbers.
    static func count(_ numbers: [Int64], digits: Int) -> Int64? {
        let (year, month, day) = (numbers[0], numbers[1], numbers[2])
        // Counts of nanoseconds must fit 64 bits.
        guard 1_700...2_200 ~= year, 1...12 ~= month, 1...31 ~= day, numbers[3] < 24,
            numbers[4] < 60, numbers[5] < 60
        else { return nil }
        let days = days(year, month, day)
        guard day <= 28 || civil(days) == (year, month, day) else { return nil }
        let seconds = days * 86_400 + numbers[3] * 3_600 + numbers[4] * 60 + numbers[5]
        return seconds * powers[digits] + (digits == 0 ? 0 : numbers[6])
    }

    /// Writes the text of a count: 20 bytes, and with digits as many more and the point.
    @inline(__always)
    static func put(_ count: Int64, digits: Int, into text: inout TextWriter) {
        let (seconds, fraction) = floored(count, by: powers[digits])
        let (days, second) = floored(seconds, by: 86_400)
        let (year, month, day) = civil(days)
        text.put(year, width: 4)
        text.put(UInt8(ascii: "-"))
        text.put(month, width: 2)
        text.put(UInt8(ascii: "-"))
        text.put(day, width: 2)
        text.put(UInt8(ascii: "T"))
        text.put(second / 3_600, width: 2)
        text.put(UInt8(ascii: ":"))
        text.put(second / 60 % 60, width: 2)
        text.put(UInt8(ascii: ":"))
        text.put(second % 60, width: 2)
        if digits > 0 {
            text.put(UInt8(ascii: "."))
            text.put(fraction, width: digits)
        }
        text.put(UInt8(ascii: "Z"))
    }

    private static func floored(_ value: Int64, by unit: Int64) -> (Int64, Int64) {
        let rest = value % unit
        return rest < 0 ? (value / unit - 1, rest + unit) : (value / unit, rest)
    }

    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = marchYear / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }

    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        return (yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0), civilMonth, day)
    }
}
