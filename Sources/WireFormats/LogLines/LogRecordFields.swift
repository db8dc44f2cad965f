import Telemetry

/// The columns of a record that fields of its line may fill. Of several fields that mean the same, the
/// first usable one counts.
struct LogRecordFields {
    var time: Timestamp?
    var severityNumber: UInt8 = 0
    var severityText: StringID = 0
    var traceID = TraceID.invalid
    var spanID = SpanID.invalid
    var flags: UInt32 = 0

    /// Fills the column that a field stands for, unless an earlier one did. `id` is the interned text;
    /// `nil` if it is in no table yet.
    @inline(never)
    mutating func recognise(
        _ field: LogField, _ text: UnsafeRawBufferPointer, _ id: StringID?,
        _ strings: inout StringTable
    ) {
        switch field {
        case .plain: break
        case .time: if time == nil { time = LogFieldText.time(text) }
        case .severity:
            guard severityText == 0 else { return }
            severityNumber = LogFieldText.severity(text)
            severityText = id ?? strings.intern(text)
        case .traceID: if !traceID.isValid { traceID = LogFieldText.traceID(text) ?? .invalid }
        case .spanID: if !spanID.isValid { spanID = LogFieldText.spanID(text) ?? .invalid }
        case .traceParent:
            guard let parent = LogFieldText.traceParent(text) else { return }
            join(parent.traceID, parent.spanID)
            flags = parent.flags
        case .b3:
            guard let context = TraceHeaderText.b3(text) else { return }
            join(context.traceID, context.spanID)
        case .xray:
            guard let context = TraceHeaderText.xray(text) else { return }
            join(context.traceID, context.spanID)
        case .capturedHeaders: CapturedHeaders.each(of: text) { recognise(header: $0) }
        }
    }

    /// A header whose name is not known, by what it looks like.
    private mutating func recognise(header text: UnsafeRawBufferPointer) {
        if let parent = LogFieldText.traceParent(text) {
            join(parent.traceID, parent.spanID)
            flags = parent.flags
        } else if let context = TraceHeaderText.b3(text) {
            join(context.traceID, context.spanID)
        } else if let context = TraceHeaderText.xray(text) {
            join(context.traceID, context.spanID)
        }
    }

    private mutating func join(_ trace: TraceID, _ span: SpanID?) {
        if !traceID.isValid { traceID = trace }
        if let span, !spanID.isValid { spanID = span }
    }
}
