import Telemetry

/// `google.rpc.Status`, the body of every OTLP/HTTP error and of gRPC's `grpc-status-details-bin`
/// (google/rpc/status.proto).
package struct RPCStatus: Hashable, Sendable {
    /// gRPC status codes that receivers use (grpc.io/docs/guides/status-codes).
    package enum Code: Int32, Sendable {
        case unknown = 2
        case invalidArgument = 3
        case deadlineExceeded = 4
        case notFound = 5
        case permissionDenied = 7
        case resourceExhausted = 8
        case unimplemented = 12
        case internalError = 13
        case unavailable = 14
        case unauthenticated = 16
    }

    package var code: Code
    package var message: String
    /// Adds a `google.rpc.RetryInfo`, which tells OTLP clients when they may try again. Whole
    /// nanoseconds; never negative.
    package var retryDelayNanoseconds: Int64?

    package init(_ code: Code, _ message: String, retryDelayNanoseconds: Int64? = nil) {
        self.code = code
        self.message = message
        self.retryDelayNanoseconds = retryDelayNanoseconds.map { max(0, $0) }
    }

    package var protobuf: [UInt8] {
        var writer = ProtobufWriter()
        writer.varint(1, UInt64(code.rawValue))
        writer.string(2, message)
        if let delay = retryDelayNanoseconds {
            var info = ProtobufWriter()
            info.message(1) { duration in
                duration.varint(1, UInt64(clamping: delay / 1_000_000_000))
                duration.varint(2, UInt64(clamping: delay % 1_000_000_000))
            }
            writer.message(3) { any in
                any.string(1, "type.googleapis.com/google.rpc.RetryInfo")
                info.bytes.withUnsafeBytes { any.bytes(2, $0) }
            }
        }
        return writer.bytes
    }

    package var json: [UInt8] {
        var text = "{\"code\":\(code.rawValue),\"message\":"
        AttributeValue.string(message).appendJSON(to: &text)
        if let delay = retryDelayNanoseconds {
            let fraction = String(delay % 1_000_000_000)
            let padding = String(repeating: "0", count: max(0, 9 - fraction.count))
            text += ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
            text += "\"retryDelay\":\"\(delay / 1_000_000_000).\(padding)\(fraction)s\"}]"
        }
        text += "}"
        return Array(text.utf8)
    }
}
