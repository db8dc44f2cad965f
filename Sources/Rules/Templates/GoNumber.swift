import Glibc

/// Numbers in the forms that Go's `fmt` and Prometheus's template functions give them.
enum GoNumber {
    /// `%v`: the shortest digits that read back, with an exponent below 1e-4 and from 1e6 on
    /// (strconv.FormatFloat, format 'g', shortest).
    static func shortest(_ number: Double) -> String {
        if let special = special(number) { return special }
        if number == 0 { return number.sign == .minus ? "-0" : "0" }
        let sign = number < 0 ? "-" : ""
        let (digits, exponent) = shortestDigits(number.magnitude)
        if exponent < -4 || exponent >= 6 {
            let mantissa = String(digits.prefix(1))
            let rest = digits.dropFirst()
            let size = String(exponent.magnitude)
            return sign + mantissa + (rest.isEmpty ? "" : "." + rest) + "e"
                + (exponent < 0 ? "-" : "+") + (size.count < 2 ? "0" + size : size)
        }
        if exponent < 0 {
            return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits
        }
        let whole = digits.prefix(exponent + 1)
        let fraction = digits.dropFirst(exponent + 1)
        let zeros = String(repeating: "0", count: exponent + 1 - whole.count)
        return sign + whole + zeros + (fraction.isEmpty ? "" : "." + fraction)
    }

    /// `%.4g`.
    static func significant4(_ number: Double) -> String { formatted("%.4g", number) }

    /// A number with an SI prefix and four significant digits.
    static func humanized(_ number: Double) -> String {
        if number == 0 || !number.isFinite { return significant4(number) }
        var rest = number
        var prefix = ""
        if number.magnitude >= 1 {
            for next in ["k", "M", "G", "T", "P", "E", "Z", "Y"] where rest.magnitude >= 1_000 {
                prefix = next
                rest /= 1_000
            }
        } else {
            (rest, prefix) = small(number)
        }
        return significant4(rest) + prefix
    }

    /// Seconds as `1d 2h 3m 4s`, below a minute with four significant digits.
    static func humanizedDuration(_ seconds: Double) -> String {
        guard seconds.isFinite else { return significant4(seconds) }
        if seconds == 0 { return "0s" }
        guard seconds.magnitude >= 1 else {
            let (rest, prefix) = small(seconds)
            return significant4(rest) + prefix + "s"
        }
        let sign = seconds < 0 ? "-" : ""
        // What does not fit is what Go's conversion makes of it where Prometheus mostly runs (amd64).
        let whole = Int64(exactly: seconds.magnitude.rounded(.down)) ?? .min
        let (second, minute) = (whole % 60, whole / 60 % 60)
        let (hour, day) = (whole / 3_600 % 24, whole / 86_400)
        if day != 0 { return "\(sign)\(day)d \(hour)h \(minute)m \(second)s" }
        if hour != 0 { return "\(sign)\(hour)h \(minute)m \(second)s" }
        if minute != 0 { return "\(sign)\(minute)m \(second)s" }
        return sign + significant4(seconds.magnitude) + "s"
    }

    /// One number by a C conversion such as `%5.2f`, which Go's agree with but for infinities and NaN.
    static func formatted(_ conversion: String, _ number: Double) -> String {
        if let special = special(number) { return special }
        // The widest: 310 digits before the point, and width and precision of at most 100.
        var buffer = [CChar](repeating: 0, count: 512)
        let count = withVaList([number]) { vsnprintf(&buffer, buffer.count, conversion, $0) }
        let length = max(0, min(Int(count), buffer.count - 1))
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func special(_ number: Double) -> String? {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
        return nil
    }

    private static func small(_ number: Double) -> (Double, prefix: String) {
        var rest = number
        var prefix = ""
        for next in ["m", "u", "n", "p", "f", "a", "z", "y"] where rest.magnitude < 1 {
            prefix = next
            rest *= 1_000
        }
        return (rest, prefix)
    }

    /// The digits without leading and trailing zeros, and the decimal exponent of the first.
    static func shortestDigits(_ magnitude: Double) -> (digits: String, exponent: Int) {
        let parts = "\(magnitude)".split(separator: "e", maxSplits: 1)
        let mantissa = parts[0].split(separator: ".", maxSplits: 1)
        let whole = mantissa[0]
        let all = mantissa.count > 1 ? whole + mantissa[1] : whole
        let leading = all.prefix { $0 == "0" }.count
        var digits = all.dropFirst(leading)
        while digits.count > 1, digits.last == "0" { digits.removeLast() }
        let shift = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        return (String(digits), whole.count - 1 - leading + shift)
    }
}

extension GoNumber {
    /// `%E` with the fewest digits that read back (strconv.FormatFloat, format 'E').
    static func exponential(_ number: Double) -> String {
        if let special = special(number) { return special }
        if number == 0 { return number.sign == .minus ? "-0E+00" : "0E+00" }
        let (digits, exponent) = shortestDigits(number.magnitude)
        let rest = digits.dropFirst()
        let size = String(exponent.magnitude)
        return (number < 0 ? "-" : "") + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "E"
            + (exponent < 0 ? "-" : "+") + (size.count < 2 ? "0" + size : size)
    }

    /// A duration as Go's time.Duration prints it: `1h0m5s`, `1.5s`, `0s`.
    static func duration(milliseconds: Int64) -> String {
        let magnitude = milliseconds.magnitude
        let sign = milliseconds < 0 ? "-" : ""
        if magnitude == 0 { return "0s" }
        if magnitude < 1_000 { return "\(sign)\(magnitude)ms" }
        let (hours, minutes) = (magnitude / 3_600_000, magnitude / 60_000 % 60)
        let seconds = shortest(Double(magnitude % 60_000) / 1_000) + "s"
        if hours > 0 { return "\(sign)\(hours)h\(minutes)m\(seconds)" }
        return minutes > 0 ? "\(sign)\(minutes)m\(seconds)" : sign + seconds
    }
}
