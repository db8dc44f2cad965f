import Store
import Telemetry

/// A condition on something that Jaeger's answers show as a tag or a log field and that is no attribute, or
/// need not be one: names of scopes and events, the message of a status, the trace state.
struct ShownTag: Hashable, Sendable {
    var key: String
    var value: String

    static let keys: Set<String> = [
        "otel.scope.name", "otel.scope.version", "otel.status_description", "event",
        "w3c.tracestate",
    ]

    /// The columns that `passes` looks at.
    static let fields: SpanFields = [.times, .core, .attributes, .events, .rest]

    func passes(_ row: Int, of spans: SpanBatch) -> Bool {
        guard let wanted = spans.strings.id(of: value) else { return false }
        let scope = spans.shared.scopes[Int(spans.scopeIndices[row])]
        let isShown =
            switch key {
            case "otel.scope.name": scope.name == wanted
            case "otel.scope.version": scope.version == wanted
            case "otel.status_description": spans.statusMessages[row] == wanted
            case "event": spans.eventRange(row).contains { spans.events.names[$0] == wanted }
            case "w3c.tracestate": spans.traceStates[row] == wanted
            default: false
            }
        return isShown || isAttribute(row, of: spans, wanted)
    }

    /// Senders may also have an attribute of that name.
    private func isAttribute(_ row: Int, of spans: SpanBatch, _ wanted: StringID) -> Bool {
        guard let key = spans.strings.id(of: key) else { return false }
        func has(_ columns: AttributeColumns, _ cells: Range<Int>) -> Bool {
            cells.contains {
                columns.keys[$0] == key && columns.types[$0] == .string
                    && columns.payloads[$0] == UInt64(wanted)
            }
        }
        return has(spans.attributes, spans.attributeRange(row))
            || spans.eventRange(row).contains {
                has(spans.events.attributes, spans.events.attributeRange($0))
            }
    }
}
