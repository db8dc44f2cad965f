import Foundation
import Telemetry

/// Spans of the calendar (Alertmanager, timeinterval/timeinterval.go). An empty list is no condition.
package struct TimeInterval: Sendable {
    /// Minutes of the day, the end not included.
    var times: [Range<Int>] = []
    /// 0 is Sunday.
    var weekdays: [ClosedRange<Int>] = []
    /// Negative ones count from the end of the month: -1 is its last day.
    var daysOfMonth: [(first: Int, last: Int)] = []
    var months: [ClosedRange<Int>] = []
    var years: [ClosedRange<Int>] = []
    var zone: TimeZone?

    func contains(_ time: Timestamp) -> Bool {
        let date = Date(timeIntervalSince1970: time.seconds)
        let offset = zone?.secondsFromGMT(for: date) ?? 0
        let local = CivilTime(time.advanced(byNanoseconds: Int64(offset) * 1_000_000_000))
        guard times.isEmpty || times.contains(where: { $0.contains(local.minute) }),
            weekdays.isEmpty || weekdays.contains(where: { $0.contains(local.weekday) }),
            months.isEmpty || months.contains(where: { $0.contains(local.month) }),
            years.isEmpty || years.contains(where: { $0.contains(local.year) })
        else { return false }
        return daysOfMonth.isEmpty
            || daysOfMonth.contains { Self.includes($0, local.day, of: local.daysInMonth) }
    }

    private static func includes(
        _ range: (first: Int, last: Int), _ day: Int, of count: Int
    ) -> Bool {
        let first = range.first < 0 ? count + range.first + 1 : range.first
        let last = range.last < 0 ? count + range.last + 1 : range.last
        // Beyond the month there is nothing to include.
        guard first <= count else { return false }
        return max(first, 1) <= day && day <= min(last, count)
    }
}

/// A point of time on the calendar.
private struct CivilTime {
    let year: Int
    let month: Int
    let day: Int
    let weekday: Int
    /// Of the day.
    let minute: Int
    let daysInMonth: Int

    init(_ time: Timestamp) {
        let seconds = time.milliseconds / 1_000 - (time.milliseconds % 1_000 < 0 ? 1 : 0)
        let dayNumber = seconds / 86_400 - (seconds % 86_400 < 0 ? 1 : 0)
        minute = Int(seconds - dayNumber * 86_400) / 60
        // The epoch was a Thursday.
        weekday = Int(((dayNumber + 4) % 7 + 7) % 7)
        // Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013.
        let shifted = dayNumber + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5) + 1
        month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        switch month {
        case 2: daysInMonth = isLeap ? 29 : 28
        case 4, 6, 9, 11: daysInMonth = 30
        default: daysInMonth = 31
        }
    }
}
