import Telemetry

/// How OTLP metrics become Prometheus series: what Prometheus's `otlp` configuration says
/// (prometheus.io/docs/prometheus/latest/configuration/configuration, "otlp").
package struct OTLPTranslation: Sendable, Hashable {
    /// What happens to names, in the words of Prometheus's `translation_strategy`.
    package enum Strategy: String, Sendable, CaseIterable {
        /// `[a-zA-Z0-9_:]` only, unit and type as suffixes. The default.
        case underscoreEscapingWithSuffixes = "UnderscoreEscapingWithSuffixes"
        /// All characters stay, unit and type as suffixes.
        case noUTF8EscapingWithSuffixes = "NoUTF8EscapingWithSuffixes"
        /// `[a-zA-Z0-9_:]` only, no suffixes.
        case underscoreEscapingWithoutSuffixes = "UnderscoreEscapingWithoutSuffixes"
        /// Names as they are.
        case noTranslation = "NoTranslation"

        var isEscaping: Bool {
            self == .underscoreEscapingWithSuffixes || self == .underscoreEscapingWithoutSuffixes
        }
    }

    /// Resource attributes that become labels of every series.
    package enum Promotion: Sendable, Hashable {
        case only(Set<String>)
        case all
    }

    package var strategy = Strategy.underscoreEscapingWithSuffixes
    package var promoted = Promotion.only([])
    /// Whether points of delta temporality pass, marked as such, for the caller to sum up.
    package var passesDeltas = false

    package init() {}
}

/// OTLP metrics as Prometheus series, some of which may hold increments instead of totals.
package struct TranslatedMetrics: Sendable {
    package var batch: MetricBatch
    /// By series: whether its samples are increments. Empty if none is.
    package var isDelta: [Bool]

    package init(batch: MetricBatch, isDelta: [Bool] = []) {
        self.batch = batch
        self.isDelta = isDelta
    }
}

extension PrometheusNaming {
    /// The full name under a strategy, or `nil` if nothing nameable is left.
    package static func metricName(
        _ name: String, unit: String, kind: Kind, strategy: OTLPTranslation.Strategy
    ) -> String? {
        switch strategy {
        case .underscoreEscapingWithSuffixes: metricName(name, unit: unit, kind: kind)
        case .noUTF8EscapingWithSuffixes: suffixed(name, unit: unit, kind: kind)
        case .underscoreEscapingWithoutSuffixes: escaped(name)
        case .noTranslation: name.isEmpty ? nil : name
        }
    }

    /// Unit, then `total` or `ratio`, each behind the name unless the name ends in it already.
    private static func suffixed(_ name: String, unit: String, kind: Kind) -> String? {
        guard !name.isEmpty else { return nil }
        let type = kind == .counter ? "total" : kind == .gauge && unit == "1" ? "ratio" : ""
        let (main, per) = unitSuffixes(unit)
        var result = trimming(type, from: name)
        let rate = per == "per_" ? "" : per
        result = trimming(rate, from: result)
        if !main.isEmpty, !result.hasSuffix(main) { result += "_" + main }
        if !rate.isEmpty { result += "_" + rate }
        if !type.isEmpty { result += "_" + type }
        return result
    }

    /// Without `suffix` and the one character before it, whatever that is.
    private static func trimming(_ suffix: String, from name: String) -> String {
        guard !suffix.isEmpty, name.hasSuffix(suffix), name.count > suffix.count + 1 else {
            return name
        }
        return String(name.dropLast(suffix.count + 1))
    }

    /// Runs of other characters become one underscore; underscores of the name stay.
    private static func escaped(_ name: String) -> String? {
        var result = name.utf8.split { !isMetricCharacter($0) && $0 != UInt8(ascii: "_") }
            .map { String(Substring($0)) }.joined(separator: "_")
        if let first = result.utf8.first, isDigit(first) { result = "_" + result }
        return result.isEmpty ? nil : result
    }
}
