/// Times as RFC 3339 text with milliseconds, `2026-11-21T07:50:12.345Z`. The date is worked out once a
/// second.
package struct StartTimeText: Sendable {
    private var second = Int64.min
    private var text: [UInt8] = []

    package init() {}

    /// - Parameter wall: nanoseconds since the epoch.
    package mutating func text(_ wall: Int64) -> [UInt8] {
        let second = wall >= 0 ? wall / 1_000_000_000 : (wall - 999_999_999) / 1_000_000_000
        if second != self.second || text.isEmpty {
            self.second = second
            text = Self.date(second)
        }
        let millisecond = (wall - second * 1_000_000_000) / 1_000_000
        text[20] = digit(millisecond / 100)
        text[21] = digit(millisecond / 10)
        text[22] = digit(millisecond)
        return text
    }

    private func digit(_ value: Int64) -> UInt8 {
        UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
    }

    /// Civil date from days (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func date(_ second: Int64) -> [UInt8] {
        let days = second >= 0 ? second / 86_400 : (second - 86_399) / 86_400
        let rest = second - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let date = "\(year)-\(two(month))-\(two(day))"
        let time = "\(two(rest / 3_600)):\(two(rest / 60 % 60)):\(two(rest % 60))"
        return Array("\(date)T\(time).000Z".utf8)
    }
}
