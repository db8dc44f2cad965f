import Telemetry

/// Bodies with which an OTLP receiver answers (OTLP specification 1.x, "OTLP/HTTP Response").
package enum OTLPResponse {
    /// The signals name the count of rejected items differently in JSON.
    package enum Signal: Sendable {
        case traces, metrics, logs

        fileprivate var rejectedKey: String {
            switch self {
            case .traces: "rejectedSpans"
            case .metrics: "rejectedDataPoints"
            case .logs: "rejectedLogRecords"
            }
        }
    }

    /// An `Export…ServiceResponse`. `partial_success` is left out when nothing was rejected and there
    /// is nothing to say; a message with 0 rejected is a warning.
    package static func protobuf(rejected: Int, message: String) -> [UInt8] {
        var writer = ProtobufWriter()
        if rejected > 0 || !message.isEmpty {
            writer.message(1) { partial in
                partial.varint(1, UInt64(clamping: rejected))
                partial.string(2, message)
            }
        }
        return writer.bytes
    }

    /// The same in OTLP's JSON encoding, where 64-bit integers are strings.
    package static func json(_ signal: Signal, rejected: Int, message: String) -> [UInt8] {
        guard rejected > 0 || !message.isEmpty else { return Array("{}".utf8) }
        var text = "{\"partialSuccess\":{"
        if rejected > 0 { text += "\"\(signal.rejectedKey)\":\"\(rejected)\"" }
        if !message.isEmpty {
            if rejected > 0 { text += "," }
            text += "\"errorMessage\":"
            AttributeValue.string(message).appendJSON(to: &text)
        }
        text += "}}"
        return Array(text.utf8)
    }
}
