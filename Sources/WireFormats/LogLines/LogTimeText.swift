import Telemetry

/// Times as access logs and syslog write them besides RFC 3339. They are rewritten as that and read as
/// that, so that one place knows the calendar.
enum LogTimeText {
    /// `10/Oct/2000:13:55:36 -0700`, as Apache and nginx write it, and `10/Oct/2000:13:55:36.655`, as
    /// HAProxy does: without a zone, so that `utcOffset` (seconds east) says which.
    static func commonLog(_ text: UnsafeRawBufferPointer, utcOffset: Int) -> Timestamp? {
        guard (20...40).contains(text.count), text[2] == UInt8(ascii: "/"),
            text[6] == UInt8(ascii: "/"), text[11] == UInt8(ascii: ":"),
            let month = month(text, at: 3)
        else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: 48, alignment: 1) { date in
            copy(text, 7..<11, to: date, at: 0)
            date[4] = UInt8(ascii: "-")
            put(month, to: date, at: 5)
            date[7] = UInt8(ascii: "-")
            copy(text, 0..<2, to: date, at: 8)
            date[10] = UInt8(ascii: "T")
            copy(text, 12..<20, to: date, at: 11)
            var count = 19
            var hasZone = false
            for byte in text[20...] where byte != UInt8(ascii: " ") {
                hasZone = hasZone || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
                date[count] = byte
                count += 1
            }
            let time = RFC3339.parse(UnsafeRawBufferPointer(rebasing: date[..<count]))
            return hasZone ? time : time.map { shifted($0, by: -utcOffset) }
        }
    }

    /// `Nov 21 15:12:23` (RFC 3164 §4.1.2), in local time and without a year: the one that makes it lie
    /// at most a day after `receivedAt`.
    /// - Parameter text: the 15 bytes.
    static func bsd(
        _ text: UnsafeRawBufferPointer, receivedAt: Timestamp, utcOffset: Int
    ) -> Timestamp? {
        guard text.count == 15, text[3] == UInt8(ascii: " "), text[6] == UInt8(ascii: " "),
            let month = month(text, at: 0)
        else { return nil }
        let year = year(of: shifted(receivedAt, by: utcOffset + 86_400))
        for candidate in [year, year - 1] {
            let time = withUnsafeTemporaryAllocation(byteCount: 19, alignment: 1) { date in
                put(candidate / 100, to: date, at: 0)
                put(candidate % 100, to: date, at: 2)
                date[4] = UInt8(ascii: "-")
                put(month, to: date, at: 5)
                date[7] = UInt8(ascii: "-")
                copy(text, 4..<6, to: date, at: 8)
                if date[8] == UInt8(ascii: " ") { date[8] = UInt8(ascii: "0") }
                date[10] = UInt8(ascii: "T")
                copy(text, 7..<15, to: date, at: 11)
                return RFC3339.parse(UnsafeRawBufferPointer(date))
            }
            guard let time = time.map({ shifted($0, by: -utcOffset) }) else { continue }
            if time <= shifted(receivedAt, by: 86_400) { return time }
        }
        return nil
    }

    private static func year(of time: Timestamp) -> Int {
        var text: [UInt8] = []
        RFC3339.append(time, fraction: .milliseconds, to: &text)
        return text.prefix(4).reduce(0) { $0 * 10 + Int($1 &- UInt8(ascii: "0")) }
    }

    static func shifted(_ time: Timestamp, by seconds: Int) -> Timestamp {
        time.advanced(byNanoseconds: Int64(clamping: seconds) &* 1_000_000_000)
    }

    /// The number of the month whose English abbreviation stands at `offset`.
    private static func month(_ text: UnsafeRawBufferPointer, at offset: Int) -> Int? {
        let name = JSONKey(bytes: UnsafeRawBufferPointer(rebasing: text[offset..<(offset + 3)]))
        switch name {
        case "Jan": return 1
        case "Feb": return 2
        case "Mar": return 3
        case "Apr": return 4
        case "May": return 5
        case "Jun": return 6
        case "Jul": return 7
        case "Aug": return 8
        case "Sep": return 9
        case "Oct": return 10
        case "Nov": return 11
        case "Dec": return 12
        default: return nil
        }
    }

    private static func copy(
        _ text: UnsafeRawBufferPointer, _ range: Range<Int>,
        to date: UnsafeMutableRawBufferPointer, at offset: Int
    ) {
        for (index, byte) in text[range].enumerated() { date[offset + index] = byte }
    }

    private static func put(
        _ number: Int, to date: UnsafeMutableRawBufferPointer, at offset: Int
    ) {
        date[offset] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number / 10)
        date[offset + 1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number % 10)
    }
}
