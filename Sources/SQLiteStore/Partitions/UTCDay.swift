import Telemetry

/// A UTC calendar day: what a partition file holds and is named after.
struct UTCDay: Hashable, Comparable, Sendable {
    /// Days since 1970-01-01.
    var number: Int64

    init(number: Int64) { self.number = number }

    init(containing instant: Timestamp) {
        let length = StoreConfiguration.day
        let quotient = instant.nanoseconds / length
        number = instant.nanoseconds % length < 0 ? quotient - 1 : quotient
    }

    init(containingMilliseconds time: Int64) {
        let length: Int64 = 86_400_000
        let quotient = time / length
        number = time % length < 0 ? quotient - 1 : quotient
    }

    /// Parses `YYYY-MM-DD`; `nil` if it is no date.
    init?(_ text: Substring) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2,
            let year = Int64(parts[0]), let month = Int64(parts[1]), let day = Int64(parts[2]),
            (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        self.init(number: UTCDay.number(year: year, month: month, day: day))
        guard name == text else { return nil }
    }

    var start: Timestamp {
        Timestamp(nanoseconds: number * StoreConfiguration.day)
    }
    var end: Timestamp { UTCDay(number: number + 1).start }

    /// `YYYY-MM-DD`.
    var name: String {
        let (year, month, day) = civil
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    static func < (a: UTCDay, b: UTCDay) -> Bool { a.number < b.number }

    /// Days since the epoch from a proleptic Gregorian date (Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms").
    private static func number(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private var civil: (year: Int64, month: Int64, day: Int64) {
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
