import QueryCore
import Store
import Telemetry

/// What the search forms of Jaeger, Zipkin and Tempo ask for: conditions on one span, a range of start
/// times, a number of traces.
struct TraceQuery: Sendable {
    /// `nil`: all; "" is that of spans that name none.
    var service: String?
    var operation = ""
    /// Attribute names with the text of their values.
    var tags: [(key: String, value: String)] = []
    /// Nanoseconds.
    var durationMin: Int64?
    /// Nanoseconds.
    var durationMax: Int64?
    var range: TimeRange
    var limit: Int
    /// A condition that the others cannot express, in TraceQL; the others are then not used.
    var traceQL: String?
    var paging = PageParameters()

    /// What is searched for, wherever and however much of it.
    var identity: String { traceQL ?? "\(predicates)\(shownTags)" }

    /// A span that satisfies any of these is one that is asked for.
    var predicates: [SpanPredicate] {
        var conditions: [SpanCondition] = []
        if let service { conditions.append(.service(service)) }
        if !operation.isEmpty { conditions.append(.name(operation)) }
        if let durationMin { conditions.append(.durationAtLeast(durationMin)) }
        if let durationMax { conditions.append(.durationAtMost(durationMax)) }
        let plain = tags.filter { !Self.isError($0) && !ShownTag.keys.contains($0.key) }
        conditions += plain.map { Self.condition($0.key, $0.value) }
        guard tags.contains(where: Self.isError) else { return [SpanPredicate(conditions)] }
        // The tag is either derived from the status or an attribute of its own.
        return [
            SpanPredicate(conditions + [.status(.error)]),
            SpanPredicate(conditions + [.attribute(.any, key: "error", .text("true"))]),
        ]
    }

    /// The conditions on what is shown as a tag and is no attribute.
    var shownTags: [ShownTag] {
        tags.filter { ShownTag.keys.contains($0.key) }.map {
            ShownTag(key: $0.key, value: $0.value)
        }
    }

    private static func isError(_ tag: (key: String, value: String)) -> Bool {
        tag.key == "error" && tag.value == "true"
    }

    /// Tags that Jaeger derives from a span's own fields are conditions on those.
    private static func condition(_ key: String, _ value: String) -> SpanCondition {
        if key == "span.kind", let kind = SpanKind(tagValue: value), kind != .unspecified {
            return .kind(kind)
        }
        return switch (key, value) {
        case ("otel.status_code", "ERROR"): .status(.error)
        case ("otel.status_code", "OK"): .status(.ok)
        default: .attribute(.any, key: key, .text(value))
        }
    }
}

extension SpanKind {
    /// As Jaeger's `span.kind` tag and OpenTracing spell it; "" for unspecified.
    var tagValue: String {
        switch self {
        case .unspecified: ""
        case .internal: "internal"
        case .server: "server"
        case .client: "client"
        case .producer: "producer"
        case .consumer: "consumer"
        }
    }

    init?(tagValue: String) {
        guard let kind = SpanKind.allCases.first(where: { $0.tagValue == tagValue }) else {
            return nil
        }
        self = kind
    }
}
