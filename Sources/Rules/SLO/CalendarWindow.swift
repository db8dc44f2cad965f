import Foundation

/// A budget's period that begins anew with the calendar: each month, say, at a place's midnight.
package struct CalendarWindow: Sendable, Hashable {
    /// As in OpenSLO's durations.
    package enum Unit: Character, Sendable, CaseIterable {
        case minute = "m"
        case hour = "h"
        case day = "d"
        case week = "w"
        case month = "M"
        case quarter = "Q"
        case year = "Y"
    }

    package let count: Int
    package let unit: Unit
    /// Milliseconds since the epoch: the beginning of the first period.
    private let start: Int64
    private let timeZone: TimeZone

    /// - Parameters:
    ///   - startTime: `2026-01-31 12:30:15`, at the place.
    ///   - timeZone: a name of the IANA data base, such as `Europe/Berlin`.
    /// - Returns: `nil` if the time or the zone is none.
    init?(count: Int, unit: Unit, startTime: String, timeZone name: String) {
        guard count > 0, count <= 10_000, let timeZone = TimeZone(identifier: name) else {
            return nil
        }
        let parts = startTime.split { " T:-".contains($0) }.compactMap { Int($0) }
        guard parts.count == 6 else { return nil }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        let components = DateComponents(
            year: parts[0], month: parts[1], day: parts[2], hour: parts[3], minute: parts[4],
            second: parts[5])
        guard (1970...2200).contains(parts[0]), components.isValidDate(in: calendar),
            let date = calendar.date(from: components)
        else { return nil }
        self.count = count
        self.unit = unit
        self.timeZone = timeZone
        start = Int64(date.timeIntervalSince1970 * 1_000)
    }

    /// How many periods have begun before that many milliseconds since the epoch, and when the last of them
    /// has begun. Before the first period it is the first.
    package func beginning(at time: Int64) -> Int64 {
        guard time > start else { return start }
        // Periods have almost one length: guess, then step to the right one. Each is counted from the
        // first, so that one that begins on a 31st does not drift.
        var index = Int((time - start) / max(1, nominal))
        while index > 0, begin(of: index) > time { index -= 1 }
        while begin(of: index + 1) <= time { index += 1 }
        return begin(of: index)
    }

    /// About how long a period is, in milliseconds.
    package var nominal: Int64 {
        let seconds: Int64 =
            switch unit {
            case .minute: 60
            case .hour: 3_600
            case .day: 86_400
            case .week: 604_800
            case .month: 2_592_000
            case .quarter: 7_776_000
            case .year: 31_536_000
            }
        return Int64(count) * seconds * 1_000
    }

    private func begin(of index: Int) -> Int64 {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        let value = index * count
        let (component, factor): (Calendar.Component, Int) =
            switch unit {
            case .minute: (.minute, 1)
            case .hour: (.hour, 1)
            case .day: (.day, 1)
            case .week: (.day, 7)
            case .month: (.month, 1)
            case .quarter: (.month, 3)
            case .year: (.year, 1)
            }
        let first = Date(timeIntervalSince1970: Double(start) / 1_000)
        guard let date = calendar.date(byAdding: component, value: value * factor, to: first) else {
            return .max
        }
        return Int64(date.timeIntervalSince1970 * 1_000)
    }
}
