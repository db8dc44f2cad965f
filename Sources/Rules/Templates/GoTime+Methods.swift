import Telemetry

/// The methods of time.Time that templates may call.
extension TemplateValue {
    /// Those with arguments.
    static let timeMethods: Set<String> = ["Add", "Sub", "Before", "After", "Equal", "Compare"]

    /// Nanoseconds since the epoch and seconds east of UTC of a time.
    private var instant: (time: Int64, offset: Int64)? {
        switch self {
        case .time(let time): (time, 0)
        case .zonedTime(let time, let offset, _): (time, offset)
        default: nil
        }
    }

    /// What a method of a time without arguments gives; `nil` if this is no time or has no such method.
    func timeField(_ name: String) -> TemplateValue? {
        guard let (time, offset) = instant else { return nil }
        func part(_ layout: String) -> String {
            GoTime.text(time, layout: layout, offset: offset)
        }
        func number(_ layout: String) -> TemplateValue { .int(Int64(part(layout)) ?? 0) }
        switch name {
        case "Year": return number("2006")
        case "Month": return .string(part("January"))
        case "Day": return number("2")
        case "Hour": return number("15")
        case "Minute": return number("4")
        case "Second": return number("5")
        case "Nanosecond":
            return .int(
                GoTime.isZero(time) ? 0 : time - Self.floor(time, 1_000_000_000) * 1_000_000_000)
        case "Weekday": return .string(part("Monday"))
        case "YearDay": return .int(GoTime.yearDay(part("2006-1-2")))
        case "IsZero": return .bool(GoTime.isZero(time))
        case "Unix":
            return .int(GoTime.isZero(time) ? -62_135_596_800 : Self.floor(time, 1_000_000_000))
        case "UnixMilli":
            return .int(GoTime.isZero(time) ? -62_135_596_800_000 : Self.floor(time, 1_000_000))
        case "UnixMicro":
            return .int(GoTime.isZero(time) ? -62_135_596_800_000_000 : Self.floor(time, 1_000))
        // What overflows is undefined in Go as well; this is what it gives for its zero time.
        case "UnixNano": return .int(GoTime.isZero(time) ? -6_795_364_578_871_345_152 : time)
        case "String": return .string(text)
        default: return nil
        }
    }

    /// What a method of a time with an argument gives; `nil` if this is no time or has no such method.
    func timeMethod(_ name: String, _ argument: TemplateValue) -> TemplateValue? {
        guard let (time, _) = instant else { return nil }
        let start = Timestamp(nanoseconds: time)
        switch (name, argument) {
        case ("Add", .duration(let length)), ("Add", .int(let length)):
            let sum = GoTime.isZero(time) ? time : start.advanced(byNanoseconds: length).nanoseconds
            if case .zonedTime(_, let offset, let zone) = self {
                return .zonedTime(sum, offset: offset, name: zone)
            }
            return .time(sum)
        default: break
        }
        guard let other = argument.instant?.time else { return nil }
        switch name {
        case "Sub":
            let (difference, isOver) = time.subtractingReportingOverflow(other)
            return .duration(isOver ? (time < other ? .min : .max) : difference)
        case "Before": return .bool(time < other)
        case "After": return .bool(time > other)
        case "Equal": return .bool(time == other)
        case "Compare": return .int(time < other ? -1 : time > other ? 1 : 0)
        default: return nil
        }
    }

    /// The quotient rounded down.
    private static func floor(_ time: Int64, _ unit: Int64) -> Int64 {
        let (quotient, rest) = time.quotientAndRemainder(dividingBy: unit)
        return rest < 0 ? quotient - 1 : quotient
    }
}

extension GoTime {
    /// Whether this stands for Go's zero time, which lies before the first instant that nanoseconds reach.
    static func isZero(_ nanoseconds: Int64) -> Bool { nanoseconds == .min }

    /// The number of a day in its year, from 1.
    /// - Parameter date: `2006-1-2`.
    static func yearDay(_ date: String) -> Int64 {
        let numbers = date.split(separator: "-").compactMap { Int64($0) }
        guard numbers.count == 3, (1...12).contains(numbers[1]) else { return 0 }
        let (year, month) = (numbers[0], Int(numbers[1]))
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let before: [Int64] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
        return before[month - 1] + numbers[2] + (isLeap && month > 2 ? 1 : 0)
    }
}
