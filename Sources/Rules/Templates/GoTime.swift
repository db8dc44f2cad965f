import Telemetry

/// Times and durations in the forms that Go gives them. All times are UTC.
enum GoTime {
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    /// As `fmt.Print` shows a time: `2006-01-02 15:04:05.999999999 -0700 MST`.
    static func text(_ nanoseconds: Int64) -> String {
        // Go's zero time lies before the first instant that nanoseconds reach.
        if nanoseconds == .min { return "0001-01-01 00:00:00 +0000 UTC" }
        let full = RFC3339.string(Timestamp(nanoseconds: nanoseconds))
        return full.replacing("T", with: " ").replacing("Z", with: " +0000 UTC")
    }

    /// By a layout that shows how the reference time would be written.
    /// - Parameters:
    ///   - offset: seconds east of UTC.
    ///   - zone: its name there.
    static func text(
        _ utc: Int64, layout: String, offset: Int64 = 0, zone: String = "UTC"
    ) -> String {
        let nanoseconds = Timestamp(nanoseconds: utc).advanced(
            byNanoseconds: Timestamp(seconds: offset).nanoseconds
        ).nanoseconds
        // Go's zero time is a Monday before the first instant that nanoseconds reach.
        let isZero = utc == .min
        let full =
            isZero ? "0001-01-01T00:00:00Z" : RFC3339.string(Timestamp(nanoseconds: nanoseconds))
        let numbers = full.split { !$0.isNumber }.compactMap { Int($0) }
        guard numbers.count >= 6 else { return full }
        let (day, rest) = nanoseconds.quotientAndRemainder(dividingBy: 86_400_000_000_000)
        let days = rest < 0 ? day - 1 : day
        // The epoch was a Thursday.
        let weekday = weekdays[isZero ? 1 : Int(((days + 4) % 7 + 7) % 7)]
        let past = nanoseconds % 1_000_000_000
        let fraction = isZero ? 0 : UInt64(past < 0 ? past + 1_000_000_000 : past)
        let month = months[(numbers[1] + 11) % 12]
        let (hour, half) = (numbers[3] % 12 == 0 ? 12 : numbers[3] % 12, numbers[3] < 12)
        // Longer ones first where one begins with another.
        let parts: [(String, String)] = [
            ("2006", four(numbers[0])), ("January", month), ("Jan", String(month.prefix(3))),
            ("Monday", weekday), ("Mon", String(weekday.prefix(3))), ("MST", zone),
            ("01", two(numbers[1])), ("02", two(numbers[2])), ("03", two(hour)),
            ("04", two(numbers[4])), ("05", two(numbers[5])), ("06", two(numbers[0] % 100)),
            ("15", two(numbers[3])), ("PM", half ? "AM" : "PM"), ("pm", half ? "am" : "pm"),
            ("-07:00", distance(offset, ":")), ("-0700", distance(offset, "")),
            ("Z07:00", offset == 0 ? "Z" : distance(offset, ":")), ("_2", spaced(numbers[2])),
            ("1", "\(numbers[1])"), ("2", "\(numbers[2])"), ("3", "\(hour)"),
            ("4", "\(numbers[4])"), ("5", "\(numbers[5])"),
        ]
        var result = ""
        var remaining = layout[...]
        while let first = remaining.first {
            if let digits = fractionLength(remaining) {
                result += text(fraction, like: remaining.prefix(digits + 1))
                remaining = remaining.dropFirst(digits + 1)
            } else if let part = parts.first(where: { remaining.hasPrefix($0.0) }) {
                result += part.1
                remaining = remaining.dropFirst(part.0.count)
            } else {
                result.append(first)
                remaining = remaining.dropFirst()
            }
        }
        return result
    }

    /// How many zeros or nines behind a point or comma stand for a fraction of a second: no digit follows them.
    private static func fractionLength(_ layout: Substring) -> Int? {
        guard layout.first == "." || layout.first == ",",
            let digit = layout.dropFirst().first, digit == "0" || digit == "9"
        else { return nil }
        let run = layout.dropFirst().prefix { $0 == digit }
        let next = layout.dropFirst(1 + run.count).first
        return next?.isNumber == true ? nil : run.count
    }

    /// Zeros keep all digits, nines leave zeros at the end out.
    private static func text(_ fraction: UInt64, like layout: Substring) -> String {
        // With a one in front, leading zeros stay.
        var digits = String("\(1_000_000_000 + fraction)".dropFirst().prefix(layout.count - 1))
        digits += String(repeating: "0", count: max(0, layout.count - 1 - digits.count))
        if layout.last == "9" {
            while digits.last == "0" { digits.removeLast() }
        }
        return digits.isEmpty ? "" : "\(layout.prefix(1))\(digits)"
    }

    private static func distance(_ offset: Int64, _ separator: String) -> String {
        let minutes = Int(offset.magnitude / 60)
        return "\(offset < 0 ? "-" : "+")\(two(minutes / 60))\(separator)\(two(minutes % 60))"
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    private static func four(_ number: Int) -> String {
        String(repeating: "0", count: max(0, 4 - "\(number)".count)) + "\(number)"
    }
    private static func spaced(_ number: Int) -> String { number < 10 ? " \(number)" : "\(number)" }

    /// As time.Duration prints itself: `1h2m3.5s`, `1.5ms`, `0s`.
    static func duration(_ nanoseconds: Int64) -> String {
        let sign = nanoseconds < 0 ? "-" : ""
        let magnitude = nanoseconds.magnitude
        if magnitude == 0 { return "0s" }
        if magnitude < 1_000 { return "\(sign)\(magnitude)ns" }
        if magnitude < 1_000_000 { return "\(sign)\(decimal(magnitude, 1_000))µs" }
        if magnitude < 1_000_000_000 { return "\(sign)\(decimal(magnitude, 1_000_000))ms" }
        let seconds = "\(decimal(magnitude % 60_000_000_000, 1_000_000_000))s"
        let (hours, minutes) = (magnitude / 3_600_000_000_000, magnitude / 60_000_000_000 % 60)
        if hours > 0 { return "\(sign)\(hours)h\(minutes)m\(seconds)" }
        return minutes > 0 ? "\(sign)\(minutes)m\(seconds)" : sign + seconds
    }

    /// A fraction without zeros at its end.
    private static func decimal(_ number: UInt64, _ unit: UInt64) -> String {
        let (whole, rest) = number.quotientAndRemainder(dividingBy: unit)
        guard rest > 0 else { return "\(whole)" }
        // With a one in front, leading zeros stay.
        var digits = String("\(unit + rest)".dropFirst())
        while digits.last == "0" { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}
