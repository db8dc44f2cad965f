import Telemetry

/// Turns Zipkin spans, of either JSON version or protobuf, into rows of a `SpanBatch`.
struct ZipkinSpanDecoder {
    /// What a span says in members and tags that are no attributes.
    struct SpanFields {
        var traceID: TraceID?
        var spanID: SpanID?
        var parentID: SpanID? = .invalid
        var name: StringID = 0
        var kind = SpanKind.internal
        /// Microseconds; 0 is missing.
        var start: Int64 = 0
        var duration: Int64 = 0
        var service: StringID = 0
        var status: SpanStatus?
        var statusMessage: StringID = 0
        /// From the tag `error`, which yields to `otel.status_code`.
        var isError = false
        var errorMessage: StringID = 0
        var traceState: StringID = 0
        var scopeName: StringID = 0
        var scopeVersion: StringID = 0
        var flags: UInt32 = 0
    }

    var batch = SpanBatch()
    private(set) var tally = RejectionTally()
    /// Addresses and ports that are none and were left out, and durations below zero.
    var ignoredFields = 0
    private let receivedAt: Timestamp
    private let sharedKey: StringID
    private let debugKey: StringID
    private let serviceNameKey: StringID
    private var resourceOfService: [StringID: UInt32] = [:]
    /// By the ids of name and version.
    private var scopes: [UInt64: UInt32] = [:]

    init(bodyBytes: Int, receivedAt: Timestamp) {
        self.receivedAt = receivedAt
        let spans = min(bodyBytes / 512, 65_536)
        batch.strings = StringTable(capacity: 64 + spans * 2)
        batch.reserveCapacity(spans)
        batch.attributes.reserveCapacity(spans * 8)
        sharedKey = batch.strings.intern("zipkin.shared")
        debugKey = batch.strings.intern("zipkin.debug")
        serviceNameKey = batch.strings.intern(SemanticKey.serviceName)
    }

    /// Where the attributes and events of the span that is being read begin.
    struct Mark {
        fileprivate var attributes: Int
        fileprivate var events: Int
    }

    /// Begins a span: its attributes and events are added to the batch next, then `finish` adds its row.
    func begin() throws(DecodeError) -> Mark {
        try WireLimits.checkItems(batch.count)
        return Mark(attributes: batch.attributes.count, events: batch.events.count)
    }

    /// Adds or rejects the span that comes next.
    mutating func span(_ reader: inout JSONReader) throws(DecodeError) {
        let mark = try begin()
        var fields = SpanFields()
        try read(&reader, into: &fields)
        finish(fields, since: mark)
    }

    /// Adds the row of a span, or takes back what it has put into the shared columns.
    mutating func finish(_ fields: SpanFields, since mark: Mark) {
        guard let traceID = fields.traceID, traceID.isValid else {
            return reject(.invalidTraceID, fields, mark)
        }
        guard let spanID = fields.spanID, spanID.isValid else {
            return reject(.invalidSpanID, fields, mark)
        }
        guard let parentID = fields.parentID else {
            return reject(.invalidParentID, fields, mark)
        }
        batch.traceIDs.append(traceID)
        batch.spanIDs.append(spanID)
        // A span cannot be its own parent; some senders say so of roots.
        batch.parentIDs.append(parentID == spanID ? .invalid : parentID)
        append(fields)
    }

    private mutating func append(_ fields: SpanFields) {
        let start = fields.start > 0 ? Timestamp(microseconds: fields.start) : receivedAt
        batch.starts.append(start)
        if fields.duration < 0 {
            RawEnd.keep(start, fields.duration, unit: 1_000, in: &batch)
            ignoredFields += 1
        }
        let (duration, overflow) = max(0, fields.duration).multipliedReportingOverflow(by: 1_000)
        batch.durations.append(overflow ? .max : duration)
        batch.names.append(fields.name)
        batch.kinds.append(fields.kind)
        if let status = fields.status {
            batch.statuses.append(status)
            let isMessageInError = status == .error && fields.statusMessage == 0
            batch.statusMessages.append(
                isMessageInError ? fields.errorMessage : fields.statusMessage)
        } else {
            batch.statuses.append(fields.isError ? .error : .unset)
            batch.statusMessages.append(fields.isError ? fields.errorMessage : 0)
        }
        batch.traceStates.append(fields.traceState)
        batch.flags.append(fields.flags)
        batch.resourceIndices.append(resource(of: fields.service))
        batch.scopeIndices.append(scope(fields.scopeName, fields.scopeVersion))
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.eventEnds.append(UInt32(truncatingIfNeeded: batch.events.count))
        batch.linkEnds.append(0)
        batch.droppedAttributeCounts.append(0)
        batch.droppedEventCounts.append(0)
        batch.droppedLinkCounts.append(0)
    }

    private mutating func read(
        _ reader: inout JSONReader, into fields: inout SpanFields
    ) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "traceId": fields.traceID = Self.traceID(try reader.string())
            case "id": fields.spanID = Self.spanID(try reader.string())
            case "parentId": fields.parentID = Self.spanID(try reader.string())
            case "name": fields.name = batch.strings.intern(try reader.string())
            case "kind": fields.kind = try Self.kind(&reader)
            case "timestamp": fields.start = try reader.microseconds("timestamp")
            case "duration": fields.duration = try reader.microseconds("duration")
            case "localEndpoint": append(local: try endpoint(&reader), to: &fields)
            case "remoteEndpoint": append(remote: try endpoint(&reader))
            case "annotations":
                try reader.beginArray()
                while try reader.nextItem() { try annotation(&reader) }
            case "tags": try tags(&reader, into: &fields)
            case "shared": if try reader.bool() { appendShared() }
            case "debug": if try reader.bool() { appendDebug(to: &fields) }
            default: try reader.skipValue()
            }
        }
    }

    /// Marks the span as the server's half of one that its client reports under the same id.
    mutating func appendShared() { append(flag: sharedKey) }

    mutating func appendDebug(to fields: inout SpanFields) {
        append(flag: debugKey)
        fields.flags |= 1
    }

    private mutating func append(flag key: StringID) {
        batch.attributes.append(key: key, type: .bool, payload: 1)
    }

    /// 1 to 32 hexadecimal digits; the missing high ones are zero, as Zipkin pads them.
    static func traceID(_ text: UnsafeRawBufferPointer) -> TraceID? {
        guard 1...32 ~= text.count else { return nil }
        let split = max(0, text.count - 16)
        guard let high = digits(text, 0..<split), let low = digits(text, split..<text.count) else {
            return nil
        }
        return TraceID(high: high, low: low)
    }

    /// 1 to 16 hexadecimal digits; empty is `.invalid`.
    static func spanID(_ text: UnsafeRawBufferPointer) -> SpanID? {
        guard text.count <= 16 else { return nil }
        return digits(text, 0..<text.count).map { SpanID($0) }
    }

    private static func digits(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> UInt64? {
        if range.count == 16 { return HexText.word(text, at: range.lowerBound) }
        var value: UInt64 = 0
        for index in range {
            guard let nibble = HexDigits.nibble(text[index]) else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        return value
    }

    private static func kind(_ reader: inout JSONReader) throws(DecodeError) -> SpanKind {
        switch JSONKey(bytes: try reader.string()) {
        case "CLIENT", "client": .client
        case "SERVER", "server": .server
        case "PRODUCER", "producer": .producer
        case "CONSUMER", "consumer": .consumer
        default: .internal
        }
    }

    private mutating func resource(of service: StringID) -> UInt32 {
        if let known = resourceOfService[service] { return known }
        let index = OTLPJSONShared.openResource(in: &batch.shared)
        if service != 0 {
            batch.shared.attributes.append(
                key: serviceNameKey, type: .string, payload: UInt64(service))
            batch.shared.resources[index].attributes =
                (batch.shared.attributes.count - 1)..<batch.shared.attributes.count
        }
        resourceOfService[service] = UInt32(truncatingIfNeeded: index)
        return UInt32(truncatingIfNeeded: index)
    }

    private mutating func scope(_ name: StringID, _ version: StringID) -> UInt32 {
        let key = UInt64(name) << 32 | UInt64(version)
        if let known = scopes[key] { return known }
        batch.shared.scopes.append(ScopeEntry(name: name, version: version))
        let index = UInt32(truncatingIfNeeded: batch.shared.scopes.count - 1)
        scopes[key] = index
        return index
    }

    /// Takes back what a refused span has already put into the shared columns.
    private mutating func reject(
        _ reason: RejectionReason, _ fields: SpanFields, _ mark: Mark
    ) {
        batch.attributes.truncate(to: mark.attributes)
        batch.events.truncate(to: mark.events)
        let name = batch.strings[fields.name]
        let service = batch.strings[fields.service]
        tally.add(reason, example: "span \"\(name)\" of service \"\(service)\"")
    }
}
