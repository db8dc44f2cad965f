import Platform

/// The ways in by which telemetry arrives.
package enum ReceiverProtocol: String, Sendable, CaseIterable {
    case otlpHTTP = "otlp_http"
    case otlpGRPC = "otlp_grpc"
    case zipkin
    case jaegerHTTP = "jaeger_http"
    case jaegerGRPC = "jaeger_grpc"
    case xray
    case remoteWrite = "remote_write"
    case logLines = "log_lines"
    case scrape
    case push
    case statsD = "statsd"
    case envoyALS = "envoy_als"
    case loki
    case elasticsearch
    case syslog
    case file
}

/// The kinds of telemetry.
package enum ReceivedSignal: String, Sendable, CaseIterable {
    case traces, metrics, logs
}

/// Items were stored.
struct ItemsReceived: InternalEvent {
    static let counter = "sidelight_receiver_items_total"
    static let help = "Spans, log records and samples received and stored."

    var signal: ReceivedSignal
    var way: ReceiverProtocol
    var increment: UInt64
    var labels: [(name: String, value: String)] {
        [(name: "signal", value: signal.rawValue), (name: "protocol", value: way.rawValue)]
    }
}

/// Single items of a readable request were refused.
struct ItemsRejected: InternalEvent {
    static let counter = "sidelight_receiver_rejected_items_total"
    static let help = "Items refused while the rest of their request was stored, by reason."

    var signal: ReceivedSignal
    var way: ReceiverProtocol
    /// From `RejectionReason` or `RefusalReason`.
    var reason: String
    var increment: UInt64
    var labels: [(name: String, value: String)] {
        [
            (name: "signal", value: signal.rawValue), (name: "protocol", value: way.rawValue),
            (name: "reason", value: reason),
        ]
    }
}

/// A whole request was refused.
struct RequestRefused: InternalEvent {
    static let counter = "sidelight_receiver_refused_requests_total"
    static let help = "Requests refused as a whole, by reason."

    var way: ReceiverProtocol
    var reason: String
    var labels: [(name: String, value: String)] {
        [(name: "protocol", value: way.rawValue), (name: "reason", value: reason)]
    }
}

/// A request was a retry of one that is stored already.
struct RequestRepeated: InternalEvent {
    static let counter = "sidelight_receiver_repeated_requests_total"
    static let help = "Retried requests that were acknowledged and not stored again."

    var signal: ReceivedSignal
    var way: ReceiverProtocol
    var labels: [(name: String, value: String)] {
        [(name: "signal", value: signal.rawValue), (name: "protocol", value: way.rawValue)]
    }
}

/// Parts of accepted items were unusable.
struct ItemsRepaired: InternalEvent {
    static let counter = "sidelight_receiver_repaired_parts_total"
    static let help =
        "Texts repaired that were not UTF-8 or cut that were too long, and optional fields left out."

    enum Part: String, Sendable {
        case text
        case longText = "long_text"
        case optionalField = "optional_field"
    }

    var way: ReceiverProtocol
    var part: Part
    var increment: UInt64
    var labels: [(name: String, value: String)] {
        [(name: "protocol", value: way.rawValue), (name: "part", value: part.rawValue)]
    }
}
