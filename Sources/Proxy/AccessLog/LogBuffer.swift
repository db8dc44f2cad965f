import Telemetry

/// Builds the access log of one event loop as OTLP records, straight into columns.
struct LogBuffer: AccessFieldSink {
    private let template: LogBatch
    private var batch: LogBatch
    private let info: StringID
    private let failure: StringID

    init(resource: Resource, scope: Scope) {
        var template = LogBatch()
        for field in AccessField.allCases {
            let id = template.strings.intern(field.key.description)
            precondition(id == Self.id(field), "BUG: field names are not in their order")
        }
        info = template.strings.intern("INFO")
        failure = template.strings.intern("ERROR")
        _ = template.append(resource)
        _ = template.append(scope)
        self.template = template
        batch = template
    }

    var count: Int { batch.count }

    /// The records so far; the buffer is empty afterwards.
    mutating func take() -> LogBatch {
        let full = batch
        batch = template
        return full
    }

    mutating func append(_ fields: AccessFields, span: SpanID) {
        fields.write(to: &self)
        let exchange = fields.exchange
        let failed = exchange.status >= 500 || exchange.status == 0
        let time = Timestamp(nanoseconds: exchange.startWall)
        batch.times.append(time)
        batch.observedTimes.append(
            time.advanced(byNanoseconds: fields.end &- exchange.startMonotonic))
        // OTLP SeverityNumber INFO and ERROR.
        batch.severityNumbers.append(failed ? 17 : 9)
        batch.severityTexts.append(failed ? failure : info)
        batch.eventNames.append(0)
        batch.bodyTypes.append(.empty)
        batch.bodyPayloads.append(0)
        batch.traceIDs.append(exchange.trace.traceID)
        batch.spanIDs.append(span)
        batch.flags.append(UInt32(exchange.trace.flags))
        batch.resourceIndices.append(0)
        batch.scopeIndices.append(0)
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.droppedAttributeCounts.append(0)
    }

    mutating func text(_ field: AccessField, _ value: UnsafeRawBufferPointer) {
        batch.attributes.append(
            key: Self.id(field), type: .string, payload: UInt64(batch.strings.intern(value)))
    }

    mutating func number(_ field: AccessField, _ value: UInt64) {
        batch.attributes.append(key: Self.id(field), type: .int, payload: value)
    }

    mutating func absent(_ field: AccessField) {}

    private static func id(_ field: AccessField) -> StringID { StringID(field.rawValue) + 1 }
}
