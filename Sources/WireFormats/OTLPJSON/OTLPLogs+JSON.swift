import Telemetry

extension OTLPLogs {
    /// Decodes an `ExportLogsServiceRequest` in OTLP's JSON encoding into columns; field names may be in
    /// lower camel or snake case.
    ///
    /// Every record is kept. A trace or span id that is not 32 or 16 hexadecimal digits is left out and
    /// counted in `ignoredFields`.
    /// - Parameter receivedAt: the time of records that carry neither `timeUnixNano` nor
    ///   `observedTimeUnixNano`, and the observed time of those without one.
    /// - Parameter formats: as in the protobuf encoding.
    /// - Complexity: O(bytes); no allocation per record.
    package static func decode(
        json body: UnsafeRawBufferPointer, formats: [LineTemplate] = [], receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = OTLPJSONLogDecoder(
            bodyBytes: body.count, formats: formats, receivedAt: receivedAt)
        var reader = JSONReader(body)
        try decoder.request(&reader)
        try reader.end()
        return Decoded(
            batch: decoder.batch,
            repairedStrings: decoder.batch.strings.repairedCount
                + decoder.values.repairedStrings,
            ignoredFields: decoder.ignoredFields)
    }

    package static func decode(
        json body: [UInt8], formats: [LineTemplate] = [], receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(json: bytes, formats: formats, receivedAt: receivedAt)
        }
    }
}

/// Turns OTLP/JSON log records into rows of a `LogBatch`.
struct OTLPJSONLogDecoder {
    /// The members of one record that occur once; a repeated one overwrites.
    private struct RecordFields {
        var time: UInt64 = 0
        var observedTime: UInt64 = 0
        var severityNumber: UInt8 = 0
        var severityText: StringID = 0
        var eventName: StringID = 0
        var body = OTLPJSONValues.Cell()
        var traceID: TraceID? = .invalid
        var spanID: SpanID? = .invalid
        var flags: UInt32 = 0
        var droppedAttributeCount: UInt32 = 0
    }

    private(set) var batch = LogBatch()
    private(set) var values = OTLPJSONValues()
    private(set) var ignoredFields = 0
    private let receivedAt: Timestamp
    private var completion: OTLPLogCompletion
    private var line: [UInt8] = []

    init(bodyBytes: Int, formats: [LineTemplate], receivedAt: Timestamp) {
        self.receivedAt = receivedAt
        completion = OTLPLogCompletion(formats: formats)
        let records = min(bodyBytes / 1_024, 65_536)
        batch.strings = StringTable(capacity: records * 2)
        batch.reserveCapacity(records)
    }

    mutating func request(_ reader: inout JSONReader) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "resourceLogs", "resource_logs":
                try reader.beginArray()
                while try reader.nextItem() { try resourceLogs(&reader) }
            default: try reader.skipValue()
            }
        }
    }

    private mutating func resourceLogs(_ reader: inout JSONReader) throws(DecodeError) {
        let resource = OTLPJSONShared.openResource(in: &batch.shared)
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "resource":
                try OTLPJSONShared.resource(
                    resource, &reader, into: &batch.shared, strings: &batch.strings,
                    values: &values)
                OTLPLogCompletion.nameService(of: resource, in: &batch)
            case "scopeLogs", "scope_logs":
                try reader.beginArray()
                while try reader.nextItem() { try scopeLogs(&reader, resource: resource) }
            case "schemaUrl", "schema_url":
                let id = batch.strings.intern(try reader.string())
                batch.shared.resources[resource].schemaURL = id
            default: try reader.skipValue()
            }
        }
    }

    private mutating func scopeLogs(
        _ reader: inout JSONReader, resource: Int
    ) throws(DecodeError) {
        let scope = OTLPJSONShared.openScope(in: &batch.shared)
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "scope":
                try OTLPJSONShared.scope(
                    scope, &reader, into: &batch.shared, strings: &batch.strings,
                    values: &values)
            case "logRecords", "log_records":
                try reader.beginArray()
                while try reader.nextItem() {
                    try record(&reader, resource: resource, scope: scope)
                }
            case "schemaUrl", "schema_url":
                let id = batch.strings.intern(try reader.string())
                batch.shared.scopes[scope].schemaURL = id
            default: try reader.skipValue()
            }
        }
    }

    private mutating func record(
        _ reader: inout JSONReader, resource: Int, scope: Int
    ) throws(DecodeError) {
        try WireLimits.checkItems(batch.count)
        var fields = RecordFields()
        let start = batch.attributes.count
        try read(&reader, into: &fields)
        complete(&fields, from: start)
        let observed =
            fields.observedTime == 0
            ? receivedAt : Timestamp(unixNanoseconds: fields.observedTime)
        batch.times.append(
            fields.time == 0 ? observed : Timestamp(unixNanoseconds: fields.time))
        batch.observedTimes.append(observed)
        batch.severityNumbers.append(fields.severityNumber)
        batch.severityTexts.append(fields.severityText)
        batch.eventNames.append(fields.eventName)
        batch.bodyTypes.append(fields.body.type)
        batch.bodyPayloads.append(fields.body.payload)
        batch.traceIDs.append(fields.traceID ?? .invalid)
        batch.spanIDs.append(fields.spanID ?? .invalid)
        if fields.traceID == nil { ignoredFields += 1 }
        if fields.spanID == nil { ignoredFields += 1 }
        batch.flags.append(fields.flags)
        batch.resourceIndices.append(UInt32(truncatingIfNeeded: resource))
        batch.scopeIndices.append(UInt32(truncatingIfNeeded: scope))
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.droppedAttributeCounts.append(fields.droppedAttributeCount)
    }

    private mutating func complete(_ fields: inout RecordFields, from start: Int) {
        var known = LogRecordFields()
        known.traceID = fields.traceID ?? .invalid
        known.spanID = fields.spanID ?? .invalid
        line.removeAll(keepingCapacity: true)
        if fields.body.type == .string {
            let id = StringID(truncatingIfNeeded: fields.body.payload)
            batch.strings.withBytes(of: id) { line.append(contentsOf: $0) }
        }
        let hasBody = fields.body.type != .empty
        line.withUnsafeBytes {
            completion.complete(&batch, from: start, hasBody: hasBody, line: $0, &known)
        }
        if fields.traceID != nil { fields.traceID = known.traceID }
        if fields.spanID != nil { fields.spanID = known.spanID }
        if fields.severityNumber == 0, fields.severityText == 0 {
            fields.severityNumber = known.severityNumber
            fields.severityText = known.severityText
        }
        if fields.time == 0, let time = known.time, time.nanoseconds > 0 {
            fields.time = UInt64(time.nanoseconds)
        }
    }

    private mutating func read(
        _ reader: inout JSONReader, into fields: inout RecordFields
    ) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "timeUnixNano", "time_unix_nano":
                fields.time = try reader.uint64("timeUnixNano")
            case "observedTimeUnixNano", "observed_time_unix_nano":
                fields.observedTime = try reader.uint64("observedTimeUnixNano")
            case "severityNumber", "severity_number":
                fields.severityNumber = try OTLPJSONEnums.severityNumber(&reader)
            case "severityText", "severity_text":
                fields.severityText = batch.strings.intern(try reader.string())
            case "eventName", "event_name":
                fields.eventName = batch.strings.intern(try reader.string())
            case "body":
                try values.value(&reader, into: &fields.body, strings: &batch.strings)
            case "attributes":
                try values.attributes(
                    &reader, into: &batch.attributes, strings: &batch.strings)
            case "traceId", "trace_id":
                fields.traceID = OTLPJSONShared.traceID(try reader.string())
            case "spanId", "span_id":
                fields.spanID = OTLPJSONShared.spanID(try reader.string())
            case "flags": fields.flags = try reader.uint32("flags")
            case "droppedAttributesCount", "dropped_attributes_count":
                fields.droppedAttributeCount = try reader.uint32("droppedAttributesCount")
            default: try reader.skipValue()
            }
        }
    }
}
