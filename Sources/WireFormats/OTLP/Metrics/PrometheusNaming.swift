/// How OTLP metric, unit and attribute names become Prometheus names under the translation strategy
/// `UnderscoreEscapingWithSuffixes`, the default of Prometheus's own OTLP endpoint: names in
/// `[a-zA-Z0-9_:]`, unit and type as suffixes (github.com/prometheus/otlptranslator; OpenTelemetry
/// specification, "Prometheus and OpenMetrics Compatibility").
package enum PrometheusNaming {
    /// What a metric is, as far as its name depends on it.
    package enum Kind: UInt8, Sendable {
        case gauge, counter, upDownCounter, histogram, exponentialHistogram, summary
    }

    /// The full name, or `nil` if nothing nameable is left.
    ///
    /// The name is split into tokens at every other character, the unit follows unless it is a token
    /// already, then `total` for counters and `ratio` for gauges of unit `1`.
    package static func metricName(_ name: String, unit: String, kind: Kind) -> String? {
        var tokens = name.utf8.split { !isMetricCharacter($0) }.map { String(Substring($0)) }
        appendUnit(unit, to: &tokens)
        if kind == .counter { move("total", toEndOf: &tokens) }
        if kind == .gauge, unit == "1" { move("ratio", toEndOf: &tokens) }
        var result = tokens.joined(separator: "_")
        if let first = result.utf8.first, isDigit(first) { result = "_" + result }
        let isNamed = result.utf8.contains { $0 != UInt8(ascii: "_") }
        return isNamed || (!result.isEmpty && result == name) ? result : nil
    }

    /// The label name of an attribute, or `nil` if nothing nameable is left.
    ///
    /// Every character outside `[a-zA-Z0-9_]` becomes one underscore. A name that starts with a digit
    /// gets the prefix `key_`, one with a single leading underscore `key`; `__…` is kept as it is.
    package static func labelName(_ key: some Collection<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(key.count + 4)
        for byte in key where !isContinuation(byte) {
            result.append(isLabelCharacter(byte) ? byte : UInt8(ascii: "_"))
        }
        guard let first = result.first else { return nil }
        if isDigit(first) {
            result.insert(contentsOf: "key_".utf8, at: 0)
        } else if first == UInt8(ascii: "_"), result.dropFirst().first != UInt8(ascii: "_") {
            result.insert(contentsOf: "key".utf8, at: 0)
        }
        let isNamed = result.contains { $0 != UInt8(ascii: "_") }
        return isNamed || result.elementsEqual(key) ? result : nil
    }

    /// The unit in Prometheus's words: `By/s` is `bytes_per_second`.
    package static func unitName(_ unit: String) -> String {
        let (main, per) = unitSuffixes(unit)
        let joined = [main, per].filter { !$0.isEmpty }.joined(separator: "_")
        var trimmed = Substring(joined)
        if trimmed.hasPrefix("_") { trimmed.removeFirst() }
        if trimmed.hasSuffix("_") { trimmed.removeLast() }
        return String(trimmed)
    }

    private static func appendUnit(_ unit: String, to tokens: inout [String]) {
        var (main, per) = unitSuffixes(unit)
        if tokens.contains(main) { main = "" }
        if per == "per_" {
            per = ""
        } else {
            if per.hasSuffix("_") { per.removeLast() }
            if tokens.contains(per) { per = "" }
        }
        if !per.isEmpty, main.hasSuffix("_") { main.removeLast() }
        if !main.isEmpty { tokens.append(main) }
        if !per.isEmpty { tokens.append(per) }
    }

    private static func move(_ token: String, toEndOf tokens: inout [String]) {
        tokens.removeAll { $0 == token }
        tokens.append(token)
    }

    /// The unit before and, as `per_…`, after the first slash. Annotations in braces are no units.
    static func unitSuffixes(_ unit: String) -> (main: String, per: String) {
        let parts = unit.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var main = ""
        var per = ""
        if let first = parts.first.map(trim), isUnit(first) {
            main = PrometheusUnits.main[first] ?? first
        }
        if parts.count > 1, case let second = trim(parts[1]), isUnit(second) {
            per = "per_" + (PrometheusUnits.per[second] ?? second)
        }
        return (clean(main), clean(per))
    }

    private static func isUnit(_ text: String) -> Bool {
        !text.isEmpty && !text.contains { $0 == "{" || $0 == "}" }
    }

    private static func trim(_ text: Substring) -> String {
        var rest = text
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }

    /// Other characters become underscores, runs of them one, none in front.
    private static func clean(_ unit: String) -> String {
        var result: [UInt8] = []
        for byte in unit.utf8 {
            let isKept = isMetricCharacter(byte)
            if !isKept, result.last == UInt8(ascii: "_") { continue }
            result.append(isKept ? byte : UInt8(ascii: "_"))
        }
        if result.first == UInt8(ascii: "_") { result.removeFirst() }
        return String(decoding: result, as: UTF8.self)
    }

    static func isMetricCharacter(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: ":")
    }

    private static func isLabelCharacter(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: "_")
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        default: isDigit(byte)
        }
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
}

/// UCUM units that Prometheus spells out; others stay as they are.
enum PrometheusUnits {
    static let main: [String: String] = [
        "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds",
        "us": "microseconds", "ns": "nanoseconds",
        // "TiBy" is spelt as Prometheus spells it.
        "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
        "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes",
        "TBy": "terabytes",
        "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams",
        "Cel": "celsius", "Hz": "hertz", "1": "", "%": "percent",
    ]

    static let per: [String: String] = [
        "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month",
        "y": "year",
    ]
}
