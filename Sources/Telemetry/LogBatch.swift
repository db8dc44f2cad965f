/// Log records in columns: row `i` of every per-record column is record `i`. Laid out as `SpanBatch`.
///
/// A structured line (a JSON object) has its fields as attributes and an empty body; free text is a
/// string body.
package struct LogBatch: ItemBatch, Sendable {
    package var strings = StringTable()
    package var shared = SharedColumns()

    // One entry a record.
    package var times: [Timestamp] = []
    package var observedTimes: [Timestamp] = []
    /// OTLP `SeverityNumber`, 0 (unspecified) to 24.
    package var severityNumbers: [UInt8] = []
    package var severityTexts: [StringID] = []
    package var eventNames: [StringID] = []
    package var bodyTypes: [AttributeType] = []
    /// As a payload of `AttributeColumns`.
    package var bodyPayloads: [UInt64] = []
    /// `.invalid` when the record belongs to no trace.
    package var traceIDs: [TraceID] = []
    package var spanIDs: [SpanID] = []
    package var flags: [UInt32] = []
    package var resourceIndices: [UInt32] = []
    package var scopeIndices: [UInt32] = []
    package var attributeEnds: [UInt32] = []
    package var droppedAttributeCounts: [UInt32] = []

    package var attributes = AttributeColumns()

    package init() {}

    @inlinable package var count: Int { times.count }
    package var isEmpty: Bool { times.isEmpty }
    package func attributeRange(_ row: Int) -> Range<Int> { SpanBatch.run(attributeEnds, row) }

    package mutating func reserveCapacity(_ records: Int) {
        times.reserveCapacity(records)
        observedTimes.reserveCapacity(records)
        severityNumbers.reserveCapacity(records)
        severityTexts.reserveCapacity(records)
        eventNames.reserveCapacity(records)
        bodyTypes.reserveCapacity(records)
        bodyPayloads.reserveCapacity(records)
        traceIDs.reserveCapacity(records)
        spanIDs.reserveCapacity(records)
        flags.reserveCapacity(records)
        resourceIndices.reserveCapacity(records)
        scopeIndices.reserveCapacity(records)
        attributeEnds.reserveCapacity(records)
        droppedAttributeCounts.reserveCapacity(records)
    }
}

/// One log record taken out of its batch (OTLP `LogRecord`).
package struct LogRecord: Hashable, Sendable {
    package var time: Timestamp
    package var observedTime: Timestamp
    package var severityNumber: UInt8 = 0
    package var severityText = ""
    package var eventName = ""
    package var body: AttributeValue = .empty
    package var traceID: TraceID = .invalid
    package var spanID: SpanID = .invalid
    package var flags: UInt32 = 0
    package var attributes: [Attribute] = []
    package var droppedAttributeCount: UInt32 = 0

    package init(time: Timestamp, observedTime: Timestamp, body: AttributeValue = .empty) {
        self.time = time
        self.observedTime = observedTime
        self.body = body
    }
}

extension LogBatch {
    package mutating func append(_ resource: Resource) -> UInt32 {
        shared.append(resource, strings: &strings)
    }

    package mutating func append(_ scope: Scope) -> UInt32 {
        shared.append(scope, strings: &strings)
    }

    package mutating func append(_ record: LogRecord, resource: UInt32, scope: UInt32) {
        precondition(Int(resource) < shared.resources.count && Int(scope) < shared.scopes.count)
        times.append(record.time)
        observedTimes.append(record.observedTime)
        severityNumbers.append(record.severityNumber)
        severityTexts.append(strings.intern(record.severityText))
        eventNames.append(strings.intern(record.eventName))
        bodyTypes.append(record.body.type)
        bodyPayloads.append(AttributeColumns.payload(of: record.body, strings: &strings))
        traceIDs.append(record.traceID)
        spanIDs.append(record.spanID)
        flags.append(record.flags)
        resourceIndices.append(resource)
        scopeIndices.append(scope)
        attributes.append(contentsOf: record.attributes, strings: &strings)
        attributeEnds.append(UInt32(attributes.count))
        droppedAttributeCounts.append(record.droppedAttributeCount)
    }

    package func body(_ row: Int) -> AttributeValue {
        AttributeColumns.value(type: bodyTypes[row], payload: bodyPayloads[row], strings: strings)
    }

    package func record(at row: Int) -> LogRecord {
        var record = LogRecord(
            time: times[row], observedTime: observedTimes[row], body: body(row))
        record.severityNumber = severityNumbers[row]
        record.severityText = strings[severityTexts[row]]
        record.eventName = strings[eventNames[row]]
        record.traceID = traceIDs[row]
        record.spanID = spanIDs[row]
        record.flags = flags[row]
        record.attributes = attributes.attributes(in: attributeRange(row), strings: strings)
        record.droppedAttributeCount = droppedAttributeCounts[row]
        return record
    }
}
