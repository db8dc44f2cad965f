import Foundation
import Rules

extension TimeInterval {
    private static let weekdayNames = [
        "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
    ]
    private static let monthNames = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september",
        "october", "november", "december",
    ]

    init(_ node: ConfigNode) throws(NotifierConfigError) {
        let fields = try node.fields(
            ["times", "weekdays", "days_of_month", "months", "years", "location"],
            type: "timeinterval.TimeInterval")
        for element in try fields["times"]?.elements() ?? [] {
            times.append(try Self.times(element))
        }
        for element in try fields["weekdays"]?.elements() ?? [] {
            weekdays.append(try Self.weekdays(element))
        }
        for element in try fields["days_of_month"]?.elements() ?? [] {
            daysOfMonth.append(try Self.days(element))
        }
        for element in try fields["months"]?.elements() ?? [] {
            months.append(try Self.months(element))
        }
        for element in try fields["years"]?.elements() ?? [] {
            let (first, last) = try Self.ends(element)
            guard let from = Int(first), let to = Int(last) else {
                throw element.failure("not a valid year")
            }
            guard from <= to else {
                throw element.failure("end year \(to) is before start year \(from)")
            }
            years.append(from...to)
        }
        guard let location = fields["location"] else { return }
        let name = try location.text()
        if name == "Local" {
            zone = .current
        } else if let found = TimeZone(identifier: name) {
            zone = found
        } else {
            throw location.failure(ZoneDatabase.complaint)
        }
    }

    private static func times(_ node: ConfigNode) throws(NotifierConfigError) -> Range<Int> {
        let fields = try node.fields(
            ["start_time", "end_time"], type: "timeinterval.yamlTimeRange")
        guard let start = fields["start_time"], let end = fields["end_time"] else {
            throw node.failure("both start and end times must be provided")
        }
        let (from, to) = (try minute(start), try minute(end))
        guard from < to else {
            throw node.failure("start time cannot be equal or greater than end time")
        }
        return from..<to
    }

    /// `HH:MM`, up to 24:00.
    private static func minute(_ node: ConfigNode) throws(NotifierConfigError) -> Int {
        let text = try node.text()
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.count == 2 }),
            let hour = Int(parts[0]), let minute = Int(parts[1])
        else { throw node.failure("couldn't parse timestamp, invalid format: HH:MM is expected") }
        guard hour >= 0, (0...59).contains(minute), hour * 60 + minute <= 1_440 else {
            throw node.failure("timestamp out of range")
        }
        return hour * 60 + minute
    }

    private static func weekdays(_ node: ConfigNode) throws(NotifierConfigError) -> ClosedRange<Int>
    {
        let (first, last) = try ends(node)
        guard let from = weekdayNames.firstIndex(of: first.lowercased()) else {
            throw node.failure("not a valid weekday")
        }
        guard let to = weekdayNames.firstIndex(of: last.lowercased()) else {
            throw node.failure("not a valid weekday")
        }
        guard from <= to else { throw node.failure("start day cannot be before end day") }
        return from...to
    }

    private static func days(
        _ node: ConfigNode
    ) throws(NotifierConfigError) -> (first: Int, last: Int) {
        let (first, last) = try ends(node)
        var days: [Int] = []
        for text in [first, last] {
            guard let day = Int(text), day != 0, (-31...31).contains(day) else {
                throw node.failure("not a valid day of the month: out of range")
            }
            days.append(day)
        }
        let (from, to) = (days[0], days[1])
        if from < 0, to > 0 {
            throw node.failure("end day must be negative if start day is negative")
        }
        // Of the longest month, as the first day counts when it is negative.
        let last31 = to < 0 ? 31 + to + 1 : to
        let first31 = from < 0 ? 31 + from + 1 : from
        guard first31 <= last31 else {
            throw node.failure("end day \(to) is always before start day \(from)")
        }
        return (from, to)
    }

    private static func months(_ node: ConfigNode) throws(NotifierConfigError) -> ClosedRange<Int> {
        let (first, last) = try ends(node)
        var months: [Int] = []
        for text in [first, last] {
            let named = monthNames.firstIndex(of: text.lowercased()).map { $0 + 1 }
            guard let month = named ?? Int(text), (1...12).contains(month) else {
                throw node.failure("not a valid month")
            }
            months.append(month)
        }
        guard months[0] <= months[1] else {
            throw node.failure("end month \(last) is before start month \(first)")
        }
        return months[0]...months[1]
    }

    /// `A:B`, or `A` for both.
    private static func ends(
        _ node: ConfigNode
    ) throws(NotifierConfigError) -> (first: String, last: String) {
        let text = try node.text()
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        switch parts.count {
        case 1: return (parts[0], parts[0])
        case 2: return (parts[0], parts[1])
        default: throw node.failure("couldn't parse range, invalid format")
        }
    }
}
