/// Timestamps as text: RFC 3339 §5.6 with up to nanoseconds, and the ISO 8601 variants that log lines
/// use. Days are counted in the proleptic Gregorian calendar (Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms", 2013).
package enum RFC3339 {
    /// How many digits follow the seconds.
    package enum Fraction: Sendable, Hashable {
        /// As few as keep the value; no point for whole seconds (Go's `time.RFC3339Nano`).
        case shortest
        /// Always three, cut off.
        case milliseconds
        /// Always nine.
        case nanoseconds
    }

    /// Appends `2021-07-01T20:10:51.781Z`: in UTC.
    package static func append(
        _ time: Timestamp, fraction: Fraction = .shortest, to output: inout [UInt8]
    ) {
        var seconds = time.nanoseconds / 1_000_000_000
        var nanoseconds = time.nanoseconds % 1_000_000_000
        if nanoseconds < 0 {
            nanoseconds += 1_000_000_000
            seconds -= 1
        }
        var days = seconds / 86_400
        var second = seconds % 86_400
        if second < 0 {
            second += 86_400
            days -= 1
        }
        let (year, month, day) = civil(days: days)
        withUnsafeTemporaryAllocation(byteCount: 30, alignment: 1) { text in
            put(year / 100, at: 0, in: text)
            put(year % 100, at: 2, in: text)
            text[4] = UInt8(ascii: "-")
            put(month, at: 5, in: text)
            text[7] = UInt8(ascii: "-")
            put(day, at: 8, in: text)
            text[10] = UInt8(ascii: "T")
            put(second / 3_600, at: 11, in: text)
            text[13] = UInt8(ascii: ":")
            put(second / 60 % 60, at: 14, in: text)
            text[16] = UInt8(ascii: ":")
            put(second % 60, at: 17, in: text)
            let end = put(nanoseconds: UInt64(nanoseconds), fraction, in: text)
            text[end] = UInt8(ascii: "Z")
            output.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[...end]))
        }
    }

    package static func string(_ time: Timestamp, fraction: Fraction = .shortest) -> String {
        var bytes: [UInt8] = []
        append(time, fraction: fraction, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads `YYYY-MM-DD`, `T`, `t` or a space, `hh:mm:ss`, optionally `.` or `,` and digits (those past
    /// the ninth are cut off), and `Z`, `z`, `±hh:mm`, `±hhmm`, `±hh` or nothing (UTC). Second 60 is
    /// the next minute's first.
    /// - Returns: `nil` if `text` is anything else or lies outside `Timestamp`'s range.
    package static func parse(_ text: UnsafeRawBufferPointer) -> Timestamp? {
        guard text.count >= 19, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
            text[13] == UInt8(ascii: ":"), text[16] == UInt8(ascii: ":"),
            text[10] | 0x20 == UInt8(ascii: "t") || text[10] == UInt8(ascii: " "),
            let century = pair(text, 0), let yearOfCentury = pair(text, 2),
            let month = pair(text, 5), let day = pair(text, 8), let hour = pair(text, 11),
            let minute = pair(text, 14), let second = pair(text, 17)
        else { return nil }
        let year = century * 100 + yearOfCentury
        guard 1...12 ~= month, day >= 1, day <= daysIn(month: month, year: year), hour <= 23,
            minute <= 59, second <= 60
        else { return nil }
        var offset = 19
        guard let nanoseconds = parseFraction(text, &offset),
            let zoneSeconds = parseZone(text, offset)
        else { return nil }
        let seconds =
            days(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60
            + second - zoneSeconds
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow2) = scaled.addingReportingOverflow(nanoseconds)
        return overflow || overflow2 ? nil : Timestamp(nanoseconds: sum)
    }

    package static func parse(_ text: String) -> Timestamp? {
        var text = text
        return text.withUTF8 { parse(UnsafeRawBufferPointer($0)) }
    }

    /// Writes the fraction behind the seconds and gives the offset after it.
    private static func put(
        nanoseconds: UInt64, _ fraction: Fraction, in text: UnsafeMutableRawBufferPointer
    ) -> Int {
        if fraction == .shortest, nanoseconds == 0 { return 19 }
        text[19] = UInt8(ascii: ".")
        var rest = nanoseconds
        for offset in stride(from: 28, through: 20, by: -1) {
            text[offset] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        var end = fraction == .milliseconds ? 23 : 29
        while fraction == .shortest, text[end - 1] == UInt8(ascii: "0") { end -= 1 }
        return end
    }

    @inline(__always)
    private static func put(_ number: Int64, at offset: Int, in text: UnsafeMutableRawBufferPointer)
    {
        text[offset] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number / 10)
        text[offset + 1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number % 10)
    }

    @inline(__always)
    private static func pair(_ text: UnsafeRawBufferPointer, _ offset: Int) -> Int64? {
        let tens = text[offset] &- UInt8(ascii: "0")
        let ones = text[offset + 1] &- UInt8(ascii: "0")
        return tens <= 9 && ones <= 9 ? Int64(tens) * 10 + Int64(ones) : nil
    }

    /// Nanoseconds; 0 if no fraction stands at `offset`, `nil` if a point has no digits after it.
    private static func parseFraction(
        _ text: UnsafeRawBufferPointer, _ offset: inout Int
    ) -> Int64? {
        guard offset < text.count,
            text[offset] == UInt8(ascii: ".") || text[offset] == UInt8(ascii: ",")
        else { return 0 }
        offset += 1
        let start = offset
        var nanoseconds: Int64 = 0
        var scale: Int64 = 100_000_000
        while offset < text.count, text[offset] &- UInt8(ascii: "0") <= 9 {
            nanoseconds += Int64(text[offset] &- UInt8(ascii: "0")) * scale
            scale /= 10
            offset += 1
        }
        return offset > start ? nanoseconds : nil
    }

    /// Seconds east of UTC.
    private static func parseZone(_ text: UnsafeRawBufferPointer, _ offset: Int) -> Int64? {
        let length = text.count - offset
        guard length > 0 else { return 0 }
        let first = text[offset]
        if first | 0x20 == UInt8(ascii: "z") { return length == 1 ? 0 : nil }
        guard first == UInt8(ascii: "+") || first == UInt8(ascii: "-"), length >= 3,
            let hours = pair(text, offset + 1), hours <= 23
        else { return nil }
        var minutes: Int64 = 0
        if length > 3 {
            let start = text[offset + 3] == UInt8(ascii: ":") ? offset + 4 : offset + 3
            guard start + 2 == text.count, let read = pair(text, start), read <= 59 else {
                return nil
            }
            minutes = read
        }
        let seconds = hours * 3_600 + minutes * 60
        return first == UInt8(ascii: "-") ? -seconds : seconds
    }

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01; years count from March so that the leap day comes last.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
