import Telemetry

/// A layout of Go's package `time`: how its reference time, 2 January 2006 15:04:05 -0700, would be written.
struct GoLayout {
    private enum Part {
        case text(String)
        case year, shortYear
        case month(digits: Int), monthName(isShort: Bool)
        case day(digits: Int), spacedDay, dayOfYear
        case weekday(isShort: Bool)
        case hour, hour12(digits: Int), minute(digits: Int), second(digits: Int)
        case noon(isUpper: Bool)
        case fraction(digits: Int, keepsZeros: Bool)
        case zone(text: String, zulu: Bool)
        case zoneName
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    /// The longest ones first.
    private static let words: [(String, Part)] = [
        ("January", .monthName(isShort: false)), ("Monday", .weekday(isShort: false)),
        ("Z07:00", .zone(text: "-07:00", zulu: true)),
        ("-07:00", .zone(text: "-07:00", zulu: false)),
        ("Z0700", .zone(text: "-0700", zulu: true)), ("-0700", .zone(text: "-0700", zulu: false)),
        ("2006", .year), ("Jan", .monthName(isShort: true)), ("Mon", .weekday(isShort: true)),
        ("MST", .zoneName), ("002", .dayOfYear), ("-07", .zone(text: "-07", zulu: false)),
        ("01", .month(digits: 2)), ("02", .day(digits: 2)), ("03", .hour12(digits: 2)),
        ("04", .minute(digits: 2)), ("05", .second(digits: 2)), ("06", .shortYear),
        ("15", .hour), ("PM", .noon(isUpper: true)), ("pm", .noon(isUpper: false)),
        ("_2", .spacedDay), ("1", .month(digits: 1)), ("2", .day(digits: 1)),
        ("3", .hour12(digits: 1)), ("4", .minute(digits: 1)), ("5", .second(digits: 1)),
    ]

    private let parts: [Part]

    init(_ layout: String) {
        var parts: [Part] = []
        var text = ""
        var rest = layout[...]
        while let character = rest.first {
            if let (length, part) = GoLayout.fraction(rest) ?? GoLayout.word(rest) {
                if !text.isEmpty { parts.append(.text(text)) }
                text = ""
                parts.append(part)
                rest = rest.dropFirst(length)
            } else {
                text.append(character)
                rest = rest.dropFirst()
            }
        }
        self.parts = text.isEmpty ? parts : parts + [.text(text)]
    }

    private static func word(_ rest: Substring) -> (Int, Part)? {
        for (word, part) in words where rest.hasPrefix(word) { return (word.count, part) }
        return nil
    }

    /// `.000` or `.999` (also with a comma), which no digit may follow.
    private static func fraction(_ rest: Substring) -> (Int, Part)? {
        guard let mark = rest.first, mark == "." || mark == ",",
            let digit = rest.dropFirst().first, digit == "0" || digit == "9"
        else { return nil }
        let digits = rest.dropFirst().prefix { $0 == digit }
        if let next = rest.dropFirst(1 + digits.count).first, next.isASCII, next.isNumber {
            return nil
        }
        return (1 + digits.count, .fraction(digits: digits.count, keepsZeros: digit == "0"))
    }

    // MARK: Writing

    func format(_ time: Timestamp, in zone: TemplateZone = .utc) -> String {
        let offset = zone.offset(at: time)
        let civil = CivilTime(time.advanced(byNanoseconds: Int64(offset) * 1_000_000_000))
        return parts.map { part in
            switch part {
            case .zone(let text, let zulu): GoLayout.format(offset: offset, text, zulu: zulu)
            case .zoneName: zone.name(at: time)
            default: GoLayout.format(part, civil)
            }
        }.joined()
    }

    /// - Parameters:
    ///   - offset: seconds east of UTC.
    ///   - zulu: `Z` stands for UTC.
    static func format(offset: Int, _ text: String, zulu: Bool = false) -> String {
        if zulu, offset == 0 { return "Z" }
        let minutes = abs(offset) / 60
        let hours = (offset < 0 ? "-" : "+") + padded(minutes / 60, 2)
        switch text {
        case "-07": return hours
        case "-0700": return hours + padded(minutes % 60, 2)
        default: return hours + ":" + padded(minutes % 60, 2)
        }
    }

    private static func format(_ part: Part, _ civil: CivilTime) -> String {
        switch part {
        case .text(let text): return text
        case .year: return padded(civil.year, 4)
        case .shortYear: return padded(civil.year % 100, 2)
        case .month(let digits): return padded(civil.month, digits)
        case .monthName(let isShort):
            let name = months[civil.month - 1]
            return isShort ? String(name.prefix(3)) : name
        case .day(let digits): return padded(civil.day, digits)
        case .spacedDay: return civil.day < 10 ? " \(civil.day)" : "\(civil.day)"
        case .dayOfYear: return padded(civil.dayOfYear, 3)
        case .weekday(let isShort):
            let name = weekdays[civil.weekday]
            return isShort ? String(name.prefix(3)) : name
        case .hour: return padded(civil.hour, 2)
        case .hour12(let digits): return padded((civil.hour + 11) % 12 + 1, digits)
        case .minute(let digits): return padded(civil.minute, digits)
        case .second(let digits): return padded(civil.second, digits)
        case .noon(let isUpper):
            let word = civil.hour < 12 ? "AM" : "PM"
            return isUpper ? word : word.lowercased()
        case .fraction(let digits, let keepsZeros):
            var text = padded(civil.nanosecond, 9).prefix(min(digits, 9))
            if !keepsZeros { while text.last == "0" { text.removeLast() } }
            return text.isEmpty ? "" : "." + text
        // Written by the caller, who knows the zone.
        case .zone, .zoneName: return ""
        }
    }

    private static func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    // MARK: Reading

    /// The time that a text in this layout says; `nil` if it does not fit.
    /// - Parameter zone: of a text that does not say how far from UTC it is.
    func parse(_ text: String, in zone: TemplateZone = .utc) -> Timestamp? {
        var reader = Reader(rest: text[...])
        for part in parts {
            guard reader.read(part) else { return nil }
        }
        return reader.rest.isEmpty ? reader.time(in: zone) : nil
    }

    private struct Reader {
        var rest: Substring
        var civil = CivilTime(year: 1, month: 1, day: 1)
        var isAfternoon: Bool?
        /// Seconds east of UTC, if the text says so.
        var offset: Int?

        func time(in zone: TemplateZone) -> Timestamp? {
            var civil = civil
            if let isAfternoon {
                guard (1...12).contains(civil.hour) else { return nil }
                civil.hour = civil.hour % 12 + (isAfternoon ? 12 : 0)
            }
            guard let offset else { return civil.timestamp.map(zone.time(ofLocal:)) }
            return civil.timestamp.map {
                $0.advanced(byNanoseconds: -Int64(offset) * 1_000_000_000)
            }
        }

        mutating func read(_ part: Part) -> Bool {
            switch part {
            case .text(let text):
                guard rest.hasPrefix(text) else { return false }
                rest = rest.dropFirst(text.count)
                return true
            case .year: return number(4...4) { $0.civil.year = $1 }
            case .shortYear:
                return number(2...2) { $0.civil.year = $1 + ($1 >= 69 ? 1_900 : 2_000) }
            case .month(let digits): return number(digits...2) { $0.civil.month = $1 }
            case .monthName(let isShort):
                return word(months, isShort) { $0.civil.month = $1 + 1 }
            case .day(let digits): return number(digits...2) { $0.civil.day = $1 }
            case .spacedDay:
                if rest.first == " " { rest.removeFirst() }
                return number(1...2) { $0.civil.day = $1 }
            case .dayOfYear: return number(3...3) { _, _ in }
            case .weekday(let isShort): return word(weekdays, isShort) { _, _ in }
            case .hour: return number(2...2) { $0.civil.hour = $1 }
            case .hour12(let digits): return number(digits...2) { $0.civil.hour = $1 }
            case .minute(let digits): return number(digits...2) { $0.civil.minute = $1 }
            case .second(let digits):
                return number(digits...2) { $0.civil.second = $1 } && fraction(isNeeded: false)
            case .noon: return noon()
            // A fraction behind the seconds has been read with them.
            case .fraction: return true
            case .zone(_, let zulu): return readOffset(zulu)
            case .zoneName:
                let name = rest.prefix { $0.isLetter }
                guard name.count >= 3 else { return false }
                if name == "UTC" || name == "GMT" { offset = 0 }
                rest = rest.dropFirst(name.count)
                return true
            }
        }

        private mutating func number(
            _ digits: ClosedRange<Int>, _ store: (inout Reader, Int) -> Void
        ) -> Bool {
            let text = rest.prefix(digits.upperBound).prefix { $0.isASCII && $0.isNumber }
            guard text.count >= digits.lowerBound, let value = Int(text) else { return false }
            rest = rest.dropFirst(text.count)
            store(&self, value)
            return true
        }

        private mutating func word(
            _ names: [String], _ isShort: Bool, _ store: (inout Reader, Int) -> Void
        ) -> Bool {
            for (index, name) in names.enumerated() {
                let name = isShort ? String(name.prefix(3)) : name
                guard rest.prefix(name.count).lowercased() == name.lowercased() else { continue }
                rest = rest.dropFirst(name.count)
                store(&self, index)
                return true
            }
            return false
        }

        private mutating func noon() -> Bool {
            let word = rest.prefix(2).lowercased()
            guard word == "am" || word == "pm" else { return false }
            rest = rest.dropFirst(2)
            isAfternoon = word == "pm"
            return true
        }

        private mutating func fraction(isNeeded: Bool) -> Bool {
            guard let mark = rest.first, mark == "." || mark == "," else { return !isNeeded }
            let digits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty else { return !isNeeded }
            rest = rest.dropFirst(1 + digits.count)
            let nine = String((digits + "000000000").prefix(9))
            civil.nanosecond = Int(nine) ?? 0
            return true
        }

        private mutating func readOffset(_ zulu: Bool) -> Bool {
            if zulu, rest.first == "Z" {
                rest.removeFirst()
                offset = 0
                return true
            }
            guard let sign = rest.first, sign == "+" || sign == "-" else { return false }
            rest.removeFirst()
            var hours = 0
            guard
                number(
                    2...2,
                    {
                        hours = $1; _ = $0
                    })
            else { return false }
            var minutes = 0
            if rest.first == ":" { rest.removeFirst() }
            _ = number(2...2) {
                minutes = $1; _ = $0
            }
            offset = (hours * 3_600 + minutes * 60) * (sign == "-" ? -1 : 1)
            return true
        }
    }
}

/// A time in UTC by the Gregorian calendar (days ↔ dates: Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
struct CivilTime {
    var year: Int
    /// 1 to 12.
    var month: Int
    /// From 1.
    var day: Int
    var hour = 0
    var minute = 0
    var second = 0
    var nanosecond = 0
    /// 0 is Sunday.
    private(set) var weekday = 0

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    init(_ time: Timestamp) {
        let dayLength: Int64 = 86_400_000_000_000
        var days = time.nanoseconds / dayLength
        var rest = time.nanoseconds % dayLength
        if rest < 0 {
            rest += dayLength
            days -= 1
        }
        let shifted = Int(days) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        weekday = (Int(days) % 7 + 11) % 7
        nanosecond = Int(rest % 1_000_000_000)
        let seconds = Int(rest / 1_000_000_000)
        (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }

    /// Days since 1970-01-01.
    private var days: Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    var dayOfYear: Int { days - CivilTime(year: year, month: 1, day: 1).days + 1 }

    /// Saturates beyond what a timestamp can hold; `nil` if there is no such time.
    var timestamp: Timestamp? {
        guard (1...12).contains(month), (1...31).contains(day), (0..<24).contains(hour),
            (0..<60).contains(minute), (0..<60).contains(second)
        else { return nil }
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
        return Timestamp(seconds: Int64(seconds)).advanced(byNanoseconds: Int64(nanosecond))
    }
}
