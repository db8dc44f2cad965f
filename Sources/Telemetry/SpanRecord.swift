/// One span taken out of its batch: for answers to people and for tests, not for hot paths.
package struct SpanRecord: Hashable, Sendable {
    package var traceID: TraceID
    package var spanID: SpanID
    /// Zero for a root span.
    package var parentID: SpanID = .invalid
    package var name: String
    package var kind: SpanKind = .unspecified
    package var start: Timestamp
    /// Nanoseconds, never negative.
    package var duration: Int64
    package var status: SpanStatus = .unset
    package var statusMessage = ""
    package var traceState = ""
    package var flags: UInt32 = 0
    package var attributes: [Attribute] = []
    package var events: [SpanEvent] = []
    package var links: [SpanLink] = []
    package var droppedAttributeCount: UInt32 = 0
    package var droppedEventCount: UInt32 = 0
    package var droppedLinkCount: UInt32 = 0

    package init(
        traceID: TraceID, spanID: SpanID, name: String, start: Timestamp, duration: Int64
    ) {
        self.traceID = traceID
        self.spanID = spanID
        self.name = name
        self.start = start
        self.duration = duration
    }

    package var end: Timestamp { start.advanced(byNanoseconds: duration) }
}

/// OTLP `Span.Event`.
package struct SpanEvent: Hashable, Sendable {
    package var time: Timestamp
    package var name: String
    package var attributes: [Attribute]
    package var droppedAttributeCount: UInt32

    package init(
        time: Timestamp, name: String, attributes: [Attribute] = [],
        droppedAttributeCount: UInt32 = 0
    ) {
        self.time = time
        self.name = name
        self.attributes = attributes
        self.droppedAttributeCount = droppedAttributeCount
    }
}

/// OTLP `Span.Link`.
package struct SpanLink: Hashable, Sendable {
    package var traceID: TraceID
    package var spanID: SpanID
    package var traceState: String
    package var flags: UInt32
    package var attributes: [Attribute]
    package var droppedAttributeCount: UInt32

    package init(
        traceID: TraceID, spanID: SpanID, traceState: String = "", flags: UInt32 = 0,
        attributes: [Attribute] = [], droppedAttributeCount: UInt32 = 0
    ) {
        self.traceID = traceID
        self.spanID = spanID
        self.traceState = traceState
        self.flags = flags
        self.attributes = attributes
        self.droppedAttributeCount = droppedAttributeCount
    }
}

extension SpanBatch {
    package mutating func append(_ resource: Resource) -> UInt32 {
        shared.append(resource, strings: &strings)
    }

    package mutating func append(_ scope: Scope) -> UInt32 {
        shared.append(scope, strings: &strings)
    }

    package mutating func append(_ span: SpanRecord, resource: UInt32, scope: UInt32) {
        precondition(Int(resource) < shared.resources.count && Int(scope) < shared.scopes.count)
        traceIDs.append(span.traceID)
        spanIDs.append(span.spanID)
        parentIDs.append(span.parentID)
        starts.append(span.start)
        durations.append(max(0, span.duration))
        names.append(strings.intern(span.name))
        kinds.append(span.kind)
        statuses.append(span.status)
        statusMessages.append(strings.intern(span.statusMessage))
        traceStates.append(strings.intern(span.traceState))
        flags.append(span.flags)
        resourceIndices.append(resource)
        scopeIndices.append(scope)
        attributes.append(contentsOf: span.attributes, strings: &strings)
        attributeEnds.append(UInt32(attributes.count))
        for event in span.events {
            events.times.append(event.time)
            events.names.append(strings.intern(event.name))
            events.attributes.append(contentsOf: event.attributes, strings: &strings)
            events.attributeEnds.append(UInt32(events.attributes.count))
            events.droppedAttributeCounts.append(event.droppedAttributeCount)
        }
        eventEnds.append(UInt32(events.count))
        for link in span.links {
            links.traceIDs.append(link.traceID)
            links.spanIDs.append(link.spanID)
            links.traceStates.append(strings.intern(link.traceState))
            links.flags.append(link.flags)
            links.attributes.append(contentsOf: link.attributes, strings: &strings)
            links.attributeEnds.append(UInt32(links.attributes.count))
            links.droppedAttributeCounts.append(link.droppedAttributeCount)
        }
        linkEnds.append(UInt32(links.count))
        droppedAttributeCounts.append(span.droppedAttributeCount)
        droppedEventCounts.append(span.droppedEventCount)
        droppedLinkCounts.append(span.droppedLinkCount)
    }

    /// The span at `row` with all it holds.
    package func span(at row: Int) -> SpanRecord {
        var span = SpanRecord(
            traceID: traceIDs[row], spanID: spanIDs[row], name: strings[names[row]],
            start: starts[row], duration: durations[row])
        span.parentID = parentIDs[row]
        span.kind = kinds[row]
        span.status = statuses[row]
        span.statusMessage = strings[statusMessages[row]]
        span.traceState = strings[traceStates[row]]
        span.flags = flags[row]
        span.attributes = attributes.attributes(in: attributeRange(row), strings: strings)
        span.events = eventRange(row).map { event in
            SpanEvent(
                time: events.times[event], name: strings[events.names[event]],
                attributes: events.attributes.attributes(
                    in: events.attributeRange(event), strings: strings),
                droppedAttributeCount: events.droppedAttributeCounts[event])
        }
        span.links = linkRange(row).map { link in
            SpanLink(
                traceID: links.traceIDs[link], spanID: links.spanIDs[link],
                traceState: strings[links.traceStates[link]], flags: links.flags[link],
                attributes: links.attributes.attributes(
                    in: links.attributeRange(link), strings: strings),
                droppedAttributeCount: links.droppedAttributeCounts[link])
        }
        span.droppedAttributeCount = droppedAttributeCounts[row]
        span.droppedEventCount = droppedEventCounts[row]
        span.droppedLinkCount = droppedLinkCounts[row]
        return span
    }
}
