import Glibc
import Platform
import Synchronization

/// The `Date` field of answers (RFC 9110 §5.6.7), made once a second.
final class HTTPDate: Sendable {
    private struct Known {
        var second = Int64.min
        var text = ""
    }

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private let clock: any Clock
    private let known = Mutex(Known())

    init(_ clock: any Clock) { self.clock = clock }

    /// Now: `Sun, 06 Nov 1994 08:49:37 GMT`.
    var now: String {
        let second = clock.wallNanoseconds / 1_000_000_000
        return known.withLock { known in
            if known.second != second { known = Known(second: second, text: Self.text(second)) }
            return known.text
        }
    }

    /// - Parameter second: since the epoch.
    static func text(_ second: Int64) -> String {
        var second = time_t(second)
        var parts = tm()
        guard gmtime_r(&second, &parts) != nil else { return "Thu, 01 Jan 1970 00:00:00 GMT" }
        func digits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let year = String(Int(parts.tm_year) + 1_900)
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map(digits)
            .joined(separator: ":")
        return "\(days[Int(parts.tm_wday)]), \(digits(parts.tm_mday)) "
            + "\(months[Int(parts.tm_mon)]) \(String(repeating: "0", count: max(0, 4 - year.count)))"
            + "\(year) \(clock) GMT"
    }
}
