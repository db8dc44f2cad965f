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
        guard var error = error(outcome) else { return }
        if case .functionError(_, let body) = outcome {
            explain(&error, FunctionErrorText(body: body))
        }
        span.status = .error
        span.statusMessage = error.message
        span.attributes.append(Attribute("error.type", .string(error.type)))
    }

    /// Puts the exception in the place of the runtime's general word for all of them.
    private static func explain(
        _ error: inout (type: String, message: String), _ told: FunctionErrorText
    ) {
        if error.type == FunctionErrorText.generalType, !told.type.isEmpty {
            error.type = told.type
        }
        if !told.message.isEmpty { error.message = "\(error.type): \(told.message)" }
    }

    /// For spans and for callers, who are not told what the handler says; `nil` for success.
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
