import Telemetry

extension OTLPLogs {
    /// Decodes an `ExportLogsServiceRequest` (or `LogsData`: the same bytes) into columns.
    ///
    /// Every record is kept. A trace or span id of a wrong length is left out and counted in
    /// `ignoredFields`.
    /// - Parameter receivedAt: the time of records that carry neither `time_unix_nano` nor
    ///   `observed_time_unix_nano`, and the observed time of those without one.
    /// - Parameter formats: of access-log lines, beside those that are recognised anyway: a body that is
    ///   such a line, as Envoy sends, or a JSON object gets its fields as attributes behind the record's
    ///   own (`OTLPLogCompletion`).
    /// - Complexity: O(bytes); no allocation per record.
    package static func decode(
        protobuf body: UnsafeRawBufferPointer, formats: [LineTemplate] = [],
        receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = OTLPLogDecoder(
            bodyBytes: body.count, formats: formats, receivedAt: receivedAt)
        try decoder.request(ProtobufReader(body))
        return Decoded(
            batch: decoder.batch,
            repairedStrings: decoder.batch.strings.repairedCount
                + decoder.values.repairedStrings,
            ignoredFields: decoder.ignoredFields)
    }

    package static func decode(
        protobuf body: [UInt8], formats: [LineTemplate] = [], receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(protobuf: bytes, formats: formats, receivedAt: receivedAt)
        }
    }
}

/// Turns `opentelemetry/proto/logs/v1/logs.proto` messages into rows of a `LogBatch`.
struct OTLPLogDecoder {
    private enum RecordField {
        static let time = ProtobufKey.fixed64(1)
        static let severityNumber = ProtobufKey.varint(2)
        static let severityText = ProtobufKey.length(3)
        static let body = ProtobufKey.length(5)
        static let attributes = ProtobufKey.length(6)
        static let droppedAttributeCount = ProtobufKey.varint(7)
        static let flags = ProtobufKey.fixed32(8)
        static let traceID = ProtobufKey.length(9)
        static let spanID = ProtobufKey.length(10)
        static let observedTime = ProtobufKey.fixed64(11)
        static let eventName = ProtobufKey.length(12)
    }

    /// OTLP `SeverityNumber` ends at FATAL4.
    private static let severityNumberMax: UInt64 = 24

    /// The members of one record that occur once; a repeated one overwrites.
    private struct RecordFields {
        var time: UInt64 = 0
        var observedTime: UInt64 = 0
        var severityNumber: UInt8 = 0
        var severityText: StringID = 0
        var eventName: StringID = 0
        var body = OTLPAttributeDecoder.Cell()
        /// The body if it is a text.
        var line: UnsafeRawBufferPointer?
        var traceID: TraceID? = .invalid
        var spanID: SpanID? = .invalid
        var flags: UInt32 = 0
        var droppedAttributeCount: UInt32 = 0
    }

    private(set) var batch = LogBatch()
    private(set) var values = OTLPAttributeDecoder()
    private(set) var ignoredFields = 0
    private let receivedAt: Timestamp
    private var completion: OTLPLogCompletion

    init(bodyBytes: Int, formats: [LineTemplate], receivedAt: Timestamp) {
        self.receivedAt = receivedAt
        completion = OTLPLogCompletion(formats: formats)
        let records = min(bodyBytes / 256, 65_536)
        batch.strings = StringTable(capacity: records * 2)
        batch.reserveCapacity(records)
    }

    mutating func request(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case OTLPSharedDecoder.resourceEnvelopes:
                try resourceLogs(try message.message("resource_logs"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func resourceLogs(_ envelope: ProtobufReader) throws(DecodeError) {
        let resource = try OTLPSharedDecoder.resource(
            of: envelope, into: &batch.shared, strings: &batch.strings, decoder: &values)
        OTLPLogCompletion.nameService(of: Int(resource), in: &batch)
        var envelope = envelope
        while true {
            let key = try envelope.nextKey()
            switch key {
            case 0: return
            case OTLPSharedDecoder.Envelope.items:
                try scopeLogs(try envelope.message("scope_logs"), resource: resource)
            default: try envelope.skip(key)
            }
        }
    }

    private mutating func scopeLogs(
        _ envelope: ProtobufReader, resource: UInt32
    ) throws(DecodeError) {
        let scope = OTLPSharedDecoder.openScope(in: &batch.shared)
        var envelope = envelope
        while true {
            let key = try envelope.nextKey()
            switch key {
            case 0: return
            case OTLPSharedDecoder.Envelope.items:
                try record(try envelope.message("log_record"), resource: resource, scope: scope)
            default:
                try OTLPSharedDecoder.scopeField(
                    key, of: &envelope, into: &batch.shared, strings: &batch.strings,
                    decoder: &values)
            }
        }
    }

    private mutating func record(
        _ message: ProtobufReader, resource: UInt32, scope: UInt32
    ) throws(DecodeError) {
        try WireLimits.checkItems(batch.count)
        var fields = RecordFields()
        let start = batch.attributes.count
        try read(message, into: &fields)
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
        batch.resourceIndices.append(resource)
        batch.scopeIndices.append(scope)
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.droppedAttributeCounts.append(fields.droppedAttributeCount)
    }

    private mutating func complete(_ fields: inout RecordFields, from start: Int) {
        var known = LogRecordFields()
        known.traceID = fields.traceID ?? .invalid
        known.spanID = fields.spanID ?? .invalid
        completion.complete(
            &batch, from: start, hasBody: fields.body.type != .empty, line: fields.line, &known)
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

    @inline(__always)
    private mutating func read(
        _ message: ProtobufReader, into fields: inout RecordFields
    ) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case RecordField.time: fields.time = try message.fixed64("time_unix_nano")
            case RecordField.observedTime:
                fields.observedTime = try message.fixed64("observed_time_unix_nano")
            case RecordField.severityNumber:
                let raw = try message.varint("severity_number")
                fields.severityNumber = raw <= Self.severityNumberMax ? UInt8(raw) : 0
            case RecordField.severityText:
                fields.severityText = batch.strings.intern(try message.bytes("severity_text"))
            case RecordField.eventName:
                fields.eventName = batch.strings.intern(try message.bytes("event_name"))
            case RecordField.body:
                let body = try message.message("body")
                fields.line = Self.text(of: body)
                try values.value(body, into: &fields.body, strings: &batch.strings)
            case RecordField.attributes:
                try values.keyValue(
                    try message.message("log attribute"), into: &batch.attributes,
                    strings: &batch.strings)
            case RecordField.traceID:
                fields.traceID = OTLPIdentifiers.optionalTraceID(try message.bytes("trace_id"))
            case RecordField.spanID:
                fields.spanID = OTLPIdentifiers.optionalSpanID(try message.bytes("span_id"))
            case RecordField.flags: fields.flags = try message.fixed32("flags")
            case RecordField.droppedAttributeCount:
                fields.droppedAttributeCount = try message.uint32("dropped_attributes_count")
            default: try message.skip(key)
            }
        }
    }

    /// The text of an `AnyValue` that is nothing else.
    @inline(__always)
    private static func text(of value: ProtobufReader) -> UnsafeRawBufferPointer? {
        var value = value
        do throws(DecodeError) {
            guard try value.nextKey() == ProtobufKey.length(1) else { return nil }
            let text = try value.bytes("string_value")
            return value.remaining == 0 ? text : nil
        } catch {
            // Whoever reads the value itself says what is wrong with it.
            return nil
        }
    }
}
