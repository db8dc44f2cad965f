import Telemetry

/// Ids of a trace and a span as propagation headers write them, for lines that log such a header.
enum TraceHeaderText {
    /// `TRACE-SPAN`, optionally followed by sampling state and parent; a state alone names no trace
    /// (openzipkin/b3-propagation, "Single Header").
    static func b3(_ text: UnsafeRawBufferPointer) -> (traceID: TraceID, spanID: SpanID)? {
        guard let dash = text.firstIndex(of: UInt8(ascii: "-")), text.count >= dash + 17,
            text.count == dash + 17 || text[dash + 17] == UInt8(ascii: "-"),
            let trace = LogFieldText.traceID(UnsafeRawBufferPointer(rebasing: text[..<dash])),
            let span = HexText.spanID(
                UnsafeRawBufferPointer(rebasing: text[(dash + 1)..<(dash + 17)]))
        else { return nil }
        return (trace, span)
    }

    /// `Root=1-SECONDS-RANDOM;Parent=SPAN;Sampled=1` in any order, or the root alone. The trace id of
    /// OpenTelemetry is the 8 and 24 digits together; other members are passed over.
    static func xray(_ text: UnsafeRawBufferPointer) -> (traceID: TraceID, spanID: SpanID?)? {
        var trace: TraceID?
        var span: SpanID?
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != UInt8(ascii: ";") { end += 1 }
            let member = UnsafeRawBufferPointer(rebasing: text[start..<end])
            if let value = value(of: "Root=", in: member) {
                trace = trace ?? root(value)
            } else if let value = value(of: "Parent=", in: member) {
                span = HexText.spanID(value)
            } else if start == 0 {
                trace = root(member)
            }
            start = end + 1
            while start < text.count, text[start] == UInt8(ascii: " ") { start += 1 }
        }
        return trace.map { ($0, span) }
    }

    private static func root(_ text: UnsafeRawBufferPointer) -> TraceID? {
        guard text.count == 35, text[0] == UInt8(ascii: "1"), text[1] == UInt8(ascii: "-"),
            text[10] == UInt8(ascii: "-")
        else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digits in
            for index in 0..<8 { digits[index] = text[index + 2] }
            for index in 8..<32 { digits[index] = text[index + 3] }
            return HexText.traceID(UnsafeRawBufferPointer(digits))
        }
    }

    private static func value(
        of name: StaticString, in member: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let count = name.utf8CodeUnitCount
        guard member.count >= count,
            name ~= JSONKey(bytes: UnsafeRawBufferPointer(rebasing: member[..<count]))
        else { return nil }
        return UnsafeRawBufferPointer(rebasing: member[count...])
    }
}
