import Telemetry

/// The columns of a record that fields of its line may fill. Of several fields that mean the same, the
/// first usable one counts.
struct LogRecordFields {
    var time: Timestamp?
    /// Whether `time` is when somebody read or sent the line, which the line knows better.
    var yieldsTime = false
    /// Whether a field that should tell the time could not be read.
    var hasUnreadableTime = false
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
        case .plain, .traceObject, .spanObject: break
        case .time: recogniseTime(text)
        case .severity:
            guard severityText == 0 else { return }
            severityNumber = LogFieldText.severity(text)
            severityText = id ?? strings.intern(text)
        case .traceID:
            // Linkerd logs under this name whatever header it found.
            if let id = LogFieldText.traceID(text) {
                join(id, nil)
            } else if let context = TraceHeaderText.xray(text) {
                join(context.traceID, context.spanID)
            }
        case .googleTrace:
            let start = text.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
            let id = UnsafeRawBufferPointer(rebasing: text[start...])
            if let id = LogFieldText.traceID(id) { join(id, nil) }
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

    /// Takes the time that the line itself tells.
    mutating func tell(_ time: Timestamp) {
        guard self.time == nil || yieldsTime else { return }
        self.time = time
        yieldsTime = false
    }

    private mutating func recogniseTime(_ text: UnsafeRawBufferPointer) {
        guard time == nil || yieldsTime else { return }
        if let found = LogFieldText.time(text) {
            tell(found)
        } else if !LineFieldKind.isAbsent(text) {
            hasUnreadableTime = true
        }
    }

    private mutating func join(_ trace: TraceID, _ span: SpanID?) {
        if !traceID.isValid { traceID = trace }
        if let span, !spanID.isValid { spanID = span }
    }
}
