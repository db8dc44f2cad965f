import Telemetry

/// Rows of a `SpanBatch` made of Jaeger's spans, whatever their wire form. A decoder calls `begin`, adds
/// tags, references and logs as they come, and calls `finish`.
struct JaegerRows {
    /// What a span says in members and tags that are no attributes.
    struct Span {
        /// `nil`: not 16 bytes.
        var traceID: TraceID? = .invalid
        /// `nil`: not 8 bytes.
        var spanID: SpanID? = .invalid
        var parentID = SpanID.invalid
        var name: StringID = 0
        var flags: UInt32 = 0
        var start = Timestamp.zero
        /// Nanoseconds.
        var duration: Int64 = 0
        var kind = SpanKind.unspecified
        var isError = false
        /// From the tag `otel.status_code`, which wins over `error`.
        var status: SpanStatus?
        var statusMessage: StringID = 0
        var traceState: StringID = 0
        var scopeName: StringID = 0
        var scopeVersion: StringID = 0
        var resource: UInt32 = 0
    }

    /// A value as attribute columns hold it.
    struct Value {
        var type: AttributeType
        var payload: UInt64
    }

    private struct Reference {
        var traceID: TraceID
        var spanID: SpanID
        var isChildOf: Bool
    }

    var batch = SpanBatch()
    private(set) var tally = RejectionTally()
    /// Durations below zero.
    private(set) var ignoredFields = 0
    private var references: [Reference] = []
    private var attributeMark = 0
    private var eventMark = 0
    /// By the ids of name and version.
    private var scopes: [UInt64: UInt32] = [:]
    private let serviceNameKey: StringID
    private let referenceTypeKey: StringID
    private let childOf: StringID
    private let followsFrom: StringID

    init(bodyBytes: Int) {
        let spans = min(bodyBytes / 256, 65_536)
        batch.strings = StringTable(capacity: 64 + spans * 2)
        batch.reserveCapacity(spans)
        batch.attributes.reserveCapacity(spans * 8)
        serviceNameKey = batch.strings.intern(SemanticKey.serviceName)
        referenceTypeKey = batch.strings.intern("opentracing.ref_type")
        childOf = batch.strings.intern("child_of")
        followsFrom = batch.strings.intern("follows_from")
    }

    // MARK: Processes

    /// Begins a resource; its tags are added with `append(processTag:)`.
    mutating func beginProcess() -> UInt32 {
        UInt32(truncatingIfNeeded: OTLPJSONShared.openResource(in: &batch.shared))
    }

    mutating func append(processTag key: StringID, _ value: Value) {
        batch.shared.attributes.append(key: key, type: value.type, payload: value.payload)
    }

    /// Ends the resource that was begun last.
    mutating func finishProcess(_ resource: UInt32, service: StringID) {
        if service != 0 {
            append(processTag: serviceNameKey, Value(type: .string, payload: UInt64(service)))
        }
        let start = batch.shared.resources[Int(resource)].attributes.lowerBound
        batch.shared.resources[Int(resource)].attributes =
            start..<batch.shared.attributes.count
    }

    // MARK: Spans

    mutating func begin() throws(DecodeError) {
        try WireLimits.checkItems(batch.count)
        attributeMark = batch.attributes.count
        eventMark = batch.events.count
        references.removeAll(keepingCapacity: true)
    }

    mutating func append(reference span: SpanID, in trace: TraceID, isChildOf: Bool) {
        references.append(Reference(traceID: trace, spanID: span, isChildOf: isChildOf))
    }

    /// Adds the row of a span, or takes back what it has put into the shared columns.
    mutating func finish(_ span: Span) {
        guard let traceID = span.traceID, traceID.isValid else {
            return reject(.invalidTraceID, span)
        }
        guard let spanID = span.spanID, spanID.isValid else {
            return reject(.invalidSpanID, span)
        }
        let parentID = takeParent(of: span, in: traceID)
        batch.traceIDs.append(traceID)
        batch.spanIDs.append(spanID)
        batch.parentIDs.append(parentID == spanID ? .invalid : parentID)
        batch.starts.append(span.start)
        batch.durations.append(max(0, span.duration))
        if span.duration < 0 {
            RawEnd.keep(span.start, span.duration, unit: 1, in: &batch)
            ignoredFields += 1
        }
        batch.names.append(span.name)
        batch.kinds.append(span.kind)
        batch.statuses.append(span.status ?? (span.isError ? .error : .unset))
        batch.statusMessages.append(span.statusMessage)
        batch.traceStates.append(span.traceState)
        batch.flags.append(span.flags & 0xFF)
        batch.resourceIndices.append(span.resource)
        batch.scopeIndices.append(scope(span.scopeName, span.scopeVersion))
        appendLinks()
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.eventEnds.append(UInt32(truncatingIfNeeded: batch.events.count))
        batch.linkEnds.append(UInt32(truncatingIfNeeded: batch.links.count))
        batch.droppedAttributeCounts.append(0)
        batch.droppedEventCounts.append(0)
        batch.droppedLinkCounts.append(0)
    }

    /// The parent; a reference that says no more than that is no link.
    private mutating func takeParent(of span: Span, in trace: TraceID) -> SpanID {
        if span.parentID.isValid {
            references.removeAll {
                $0.isChildOf && $0.traceID == trace && $0.spanID == span.parentID
            }
            return span.parentID
        }
        if let index = references.firstIndex(where: { $0.isChildOf && $0.traceID == trace }) {
            return references.remove(at: index).spanID
        }
        // It stays a link too, because following is not all that a child does.
        return references.first { $0.traceID == trace }?.spanID ?? .invalid
    }

    private mutating func appendLinks() {
        for reference in references where reference.spanID.isValid {
            batch.links.traceIDs.append(reference.traceID)
            batch.links.spanIDs.append(reference.spanID)
            batch.links.traceStates.append(0)
            batch.links.flags.append(0)
            batch.links.attributes.append(
                key: referenceTypeKey, type: .string,
                payload: UInt64(reference.isChildOf ? childOf : followsFrom))
            batch.links.attributeEnds.append(
                UInt32(truncatingIfNeeded: batch.links.attributes.count))
            batch.links.droppedAttributeCounts.append(0)
        }
    }

    private mutating func reject(_ reason: RejectionReason, _ span: Span) {
        batch.attributes.truncate(to: attributeMark)
        batch.events.truncate(to: eventMark)
        let name = batch.strings[span.name]
        tally.add(reason, example: "span \"\(name)\"")
    }

    private mutating func scope(_ name: StringID, _ version: StringID) -> UInt32 {
        let key = UInt64(name) << 32 | UInt64(version)
        if let known = scopes[key] { return known }
        batch.shared.scopes.append(ScopeEntry(name: name, version: version))
        let index = UInt32(truncatingIfNeeded: batch.shared.scopes.count - 1)
        scopes[key] = index
        return index
    }

    // MARK: Tags and logs

    /// Adds a tag as an attribute, unless a column tells it.
    mutating func append(tag key: StringID, _ value: Value, to span: inout Span) {
        if isTold(key, value, to: &span) { return }
        batch.attributes.append(key: key, type: value.type, payload: value.payload)
    }

    /// Begins an event; its fields are added with `append(field:)`.
    mutating func beginLog(at time: Timestamp) {
        batch.events.times.append(time)
        batch.events.names.append(0)
        batch.events.droppedAttributeCounts.append(0)
    }

    /// Sets when the event that is being read happened.
    mutating func setLogTime(_ time: Timestamp) {
        batch.events.times[batch.events.times.count - 1] = time
    }

    mutating func append(field key: StringID, _ value: Value) {
        let isName =
            value.type == .string
            && batch.strings.withBytes(of: key) { "event" ~= JSONKey(bytes: $0) }
        let last = batch.events.names.count - 1
        if isName, batch.events.names[last] == 0 {
            batch.events.names[last] = StringID(truncatingIfNeeded: value.payload)
        } else {
            batch.events.attributes.append(key: key, type: value.type, payload: value.payload)
        }
    }

    mutating func finishLog() {
        batch.events.attributeEnds.append(
            UInt32(truncatingIfNeeded: batch.events.attributes.count))
    }

    private enum Meaning {
        case kind, error, statusCode, statusDescription, scopeName, scopeVersion, traceState

        init?(_ key: JSONKey) {
            switch key {
            case "span.kind": self = .kind
            case "error": self = .error
            case "otel.status_code": self = .statusCode
            case "otel.status_description": self = .statusDescription
            case "otel.scope.name", "otel.library.name": self = .scopeName
            case "otel.scope.version", "otel.library.version": self = .scopeVersion
            case "w3c.tracestate": self = .traceState
            default: return nil
            }
        }
    }

    private func isTold(_ key: StringID, _ value: Value, to span: inout Span) -> Bool {
        guard let meaning = batch.strings.withBytes(of: key, { Meaning(JSONKey(bytes: $0)) })
        else { return false }
        if value.type == .bool {
            guard meaning == .error, value.payload != 0 else { return false }
            span.isError = true
            return true
        }
        guard value.type == .string else { return false }
        let text = StringID(truncatingIfNeeded: value.payload)
        switch meaning {
        case .kind:
            guard let kind = kind(text) else { return false }
            span.kind = kind
        case .error:
            guard batch.strings.withBytes(of: text, { "true" ~= JSONKey(bytes: $0) }) else {
                return false
            }
            span.isError = true
        case .statusCode:
            guard let status = status(text) else { return false }
            span.status = status
        case .statusDescription: span.statusMessage = text
        case .scopeName: span.scopeName = text
        case .scopeVersion: span.scopeVersion = text
        case .traceState: span.traceState = text
        }
        return true
    }

    private func kind(_ text: StringID) -> SpanKind? {
        batch.strings.withBytes(of: text) { text in
            switch JSONKey(bytes: text) {
            case "client": .client
            case "server": .server
            case "producer": .producer
            case "consumer": .consumer
            case "internal": .internal
            default: nil
            }
        }
    }

    private func status(_ text: StringID) -> SpanStatus? {
        batch.strings.withBytes(of: text) { text in
            switch JSONKey(bytes: text) {
            case "OK": .ok
            case "ERROR": .error
            case "UNSET": .unset
            default: nil
            }
        }
    }
}
