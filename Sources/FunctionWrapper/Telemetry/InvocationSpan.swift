import Telemetry

/// The SERVER span of an invocation and what its outcome looks like in spans.
enum InvocationSpan {
    static func server(
        name: String, trace: InvocationTrace, start: Moment, end: Moment, attributes: [Attribute]
    ) -> SpanRecord {
        var span = SpanRecord(
            traceID: trace.traceID, spanID: trace.serverSpan, name: name, start: start.wall,
            duration: end.nanoseconds(since: start))
        span.parentID = trace.parentID
        span.kind = .server
        span.flags = UInt32(trace.flags)
        span.traceState = trace.traceState
        span.attributes = attributes
        if let link = trace.link { span.links = [link] }
        return span
    }

    static func setError(_ outcome: InvocationReport.Outcome, in span: inout SpanRecord) {
        guard let error = error(outcome) else { return }
        span.status = .error
        span.statusMessage = error.message
        span.attributes.append(Attribute("error.type", .string(error.type)))
    }

    /// `nil` for success.
    static func error(_ outcome: InvocationReport.Outcome) -> (type: String, message: String)? {
        switch outcome {
        case .success: nil
        case .functionError(let type, _): (type, "the function failed: \(type)")
        case .timedOut(let limit, let phase):
            ("timeout", "\(phase.rawValue) timed out after \(limit)")
        case .crashed(let reason): ("crash", reason)
        case .queueFull(let max): ("queue_full", "\(max) invocations wait already")
        case .stopping: ("stopping", "the function is being stopped")
        case .abandoned: ("client_gone", "the caller went away")
        }
    }
}
