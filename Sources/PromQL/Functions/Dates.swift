import QueryCore
import Telemetry

/// A part of a date in UTC.
enum DateField {
    case minute, hour, dayOfWeek, dayOfMonth, dayOfYear, daysInMonth, month, year

    /// The field of `seconds` since the epoch in the proleptic Gregorian calendar; NaN outside ±292
    /// billion years, where 64-bit seconds end.
    func value(ofSeconds seconds: Double) -> Double {
        guard let time = Int64(exactly: seconds.rounded(.towardZero)) else { return .nan }
        let secondOfDay = Int(((time % 86_400) + 86_400) % 86_400)
        let days = (time - Int64(secondOfDay)) / 86_400
        switch self {
        case .minute: return Double(secondOfDay / 60 % 60)
        case .hour: return Double(secondOfDay / 3_600)
        // 1970-01-01 was a Thursday.
        case .dayOfWeek: return Double(((days + 4) % 7 + 7) % 7)
        default: return calendarValue(CivilDate(daysSinceEpoch: days))
        }
    }

    private func calendarValue(_ date: CivilDate) -> Double {
        switch self {
        case .dayOfMonth: Double(date.day)
        case .month: Double(date.month)
        case .year: Double(date.year)
        case .daysInMonth: Double(date.daysInMonth)
        default: Double(date.dayOfYear)
        }
    }
}

/// A date of the proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`).
private struct CivilDate {
    var year: Int64
    /// 1 to 12.
    var month: Int
    /// 1 to 31.
    var day: Int

    init(daysSinceEpoch days: Int64) {
        // Eras of 400 years that start on March 1st.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    private var isLeapYear: Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static let monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

    var daysInMonth: Int { month == 2 && isLeapYear ? 29 : Self.monthLengths[month - 1] }

    /// 1 to 366.
    var dayOfYear: Int {
        let before = Self.monthLengths[..<(month - 1)].reduce(0, +)
        return before + (month > 2 && isLeapYear ? 1 : 0) + day
    }
}

extension Function {
    var dateField: DateField? {
        switch self {
        case .minute: .minute
        case .hour: .hour
        case .dayOfWeek: .dayOfWeek
        case .dayOfMonth: .dayOfMonth
        case .dayOfYear: .dayOfYear
        case .daysInMonth: .daysInMonth
        case .month: .month
        case .year: .year
        default: nil
        }
    }
}

extension Evaluator {
    /// Of the values of the argument, or of the evaluation time without one.
    mutating func date(
        _ node: FunctionCall, _ field: DateField
    ) throws(QueryError) -> [StepSeries] {
        guard let argument = node.arguments.first else {
            let values = stepTimes().map { field.value(ofSeconds: $0) }
            return [StepSeries(labels: .empty, values: values)]
        }
        return try mapping(argument) { field.value(ofSeconds: $0) }
    }
}
