import Telemetry

/// What a captured line belongs to.
struct LogContext: Sendable, Equatable {
    var traceID: TraceID
    var spanID: SpanID
    var flags: UInt8
    /// `nil` outside of invocations.
    var invocationID: String?

    static let none = LogContext(traceID: .invalid, spanID: .invalid, flags: 0, invocationID: nil)
}

/// Where a captured line was written.
enum OutputStream: String, Sendable {
    case out = "stdout"
    case error = "stderr"
    /// `_LAMBDA_TELEMETRY_LOG_FD`.
    case frames = "telemetry"
}

/// A line, or a record of several, that the child wrote.
struct CapturedRecord: Sendable, Equatable {
    var stream: OutputStream
    /// When it was written, if the child says so.
    var time: Timestamp?
    /// OTLP `SeverityNumber`; 0 is unknown.
    var severity: UInt8 = 0
    var text: [UInt8]
    var context: LogContext
}

/// Takes what the child writes; never waits.
typealias LogSink = @Sendable ([CapturedRecord]) -> Void
