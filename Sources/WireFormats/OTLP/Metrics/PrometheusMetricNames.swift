import Telemetry

/// Prometheus names of the metrics of one body, each worked out once, and their metadata.
struct PrometheusMetricNames {
    /// The names of one metric's series, interned.
    struct Names {
        var base: StringID
        var bucket: StringID
        var sum: StringID
        var count: StringID
    }

    private var known: [OTLPMetricHeader: Names?] = [:]
    private var families: Set<String> = []
    private let strategy: OTLPTranslation.Strategy

    init(_ strategy: OTLPTranslation.Strategy) { self.strategy = strategy }

    /// The names for `header`, `nil` if it has no valid one. Adds the metadata of a family that is new.
    mutating func names(
        of header: OTLPMetricHeader, strings: inout StringTable,
        metadata: inout [MetricMetadata]
    ) -> Names? {
        if let names = known[header] { return names }
        let unit = strings[header.unit]
        let base = PrometheusNaming.metricName(
            strings[header.name], unit: unit, kind: header.kind, strategy: strategy)
        guard let base else {
            known[header] = .some(nil)
            return nil
        }
        if families.insert(base).inserted {
            metadata.append(
                MetricMetadata(
                    family: base, type: Self.type(of: header.kind),
                    help: strings[header.description], unit: PrometheusNaming.unitName(unit)))
        }
        let names = Names(
            base: strings.intern(base), bucket: strings.intern(base + "_bucket"),
            sum: strings.intern(base + "_sum"), count: strings.intern(base + "_count"))
        known[header] = names
        return names
    }

    mutating func targetInfo(
        strings: inout StringTable, metadata: inout [MetricMetadata]
    ) -> StringID {
        let family = "target_info"
        if families.insert(family).inserted {
            metadata.append(MetricMetadata(family: family, type: .gauge, help: "Target metadata"))
        }
        return strings.intern(family)
    }

    private static func type(of kind: PrometheusNaming.Kind) -> MetricType {
        switch kind {
        case .gauge, .upDownCounter: .gauge
        case .counter: .counter
        case .histogram, .exponentialHistogram: .histogram
        case .summary: .summary
        }
    }
}
