import Telemetry

/// Turns AWS X-Ray segment documents (docs.aws.amazon.com/xray, "X-Ray segment documents") into rows of a
/// `SpanBatch`, one document after the other.
///
/// - A segment is a server span of the service that it names, a subsegment a client span if it has a
///   namespace (`aws`, `remote`), else an internal one. A trace id `1-5759e988-bd862e3fe1be46a994272793`
///   is the 32 digits without the rest.
/// - `fault`, `error` and `throttle` make the status an error, with the message of the first exception of
///   `cause`; they stay as `aws.xray.fault` and so on. Exceptions are events `exception`.
/// - `http`, `sql`, `user` have OpenTelemetry's names; members of `aws` are `aws.…`; annotations are
///   attributes of their own names and types, each namespace of `metadata` is `aws.xray.metadata.…`.
/// - What is not finished has `aws.xray.in_progress` and no duration; the finished document replaces it.
///
/// A segment with unusable ids or without a start is rejected; its subsegments are kept.
package struct XRayDecoder: Sendable {
    /// X-Ray itself takes 64 KiB.
    package static let documentBytesMax = 1 << 20
    /// Subsegments below subsegments.
    static let depthMax = 64

    /// What subsegments have from the segment around them.
    private struct Family {
        var trace: TraceID?
        var parent: SpanID?
        var resource: UInt32?
    }

    var batch = SpanBatch()
    private var tally = RejectionTally()
    /// Ends before their starts.
    private var ignoredFields = 0
    var values = CompactValueWriter()
    private var resources: [ResourceKey: UInt32] = [:]

    private struct ResourceKey: Hashable {
        var service: StringID
        var version: StringID
        var origin: StringID
    }

    package init() {
        batch.shared.scopes.append(ScopeEntry(name: 0, version: 0))
    }

    package var spanCount: Int { batch.count }

    /// Segments and documents rejected so far.
    var rejectedCount: Int { tally.rejections.reduce(0) { $0 + $1.count } }

    /// Why a segment was rejected last, for the sender.
    private(set) var lastRejection = ""

    /// What has been decoded; the decoder is used up.
    package consuming func finish() -> Decoded<SpanBatch> {
        Decoded(
            batch: batch, rejections: tally.rejections,
            repairedStrings: batch.strings.repairedCount + values.repairedStrings,
            ignoredFields: ignoredFields)
    }

    /// Adds a document that cannot be read to what is rejected.
    package mutating func reject(_ error: DecodeError) {
        lastRejection = "\(error)"
        tally.add(.malformedItem, example: "segment document: \(error)")
    }

    /// Adds a segment, or a subsegment sent on its own, with all its subsegments.
    package mutating func document(_ bytes: UnsafeRawBufferPointer) throws(DecodeError) {
        guard bytes.count <= Self.documentBytesMax else {
            throw .tooLarge(
                limit: "\(Self.documentBytesMax) bytes a segment document", value: bytes.count)
        }
        var reader = JSONReader(bytes)
        let segment = try XRaySegment(&reader, strings: &batch.strings)
        try reader.end()
        try WireLimits.checkItems(batch.count)
        add(segment, Family(), depth: 0)
    }

    /// Adds what stands in a datagram: a header line and a document (docs.aws.amazon.com/xray, "Sending
    /// segment documents to the X-Ray daemon").
    package mutating func datagram(_ bytes: UnsafeRawBufferPointer) throws(DecodeError) {
        let end = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        var reader = JSONReader(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        var isKnown = false
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "format": isKnown = "json" ~= JSONKey(bytes: try reader.string())
            default: try reader.skipValue()
            }
        }
        try reader.end()
        guard isKnown, end < bytes.count else {
            throw .malformed(
                field: "datagram", offset: 0,
                reason: "expected a line {\"format\":\"json\",\"version\":1} and a document")
        }
        try document(UnsafeRawBufferPointer(rebasing: bytes[(end + 1)...]))
    }

    // MARK: Rows

    private mutating func add(_ segment: XRaySegment, _ family: Family, depth: Int) {
        let resource = family.resource ?? resource(of: segment)
        let trace = segment.traceID.isGiven ? segment.traceID.value : family.trace
        var below = Family(trace: trace, parent: family.parent, resource: resource)
        if let problem = problem(of: segment, trace) {
            reject(problem, segment)
        } else if let trace, let span = segment.spanID, let start = segment.start {
            let parent = segment.parentID.isGiven ? segment.parentID.value : family.parent
            appendRow(segment, trace, span, parent, start, resource)
            below.parent = span
        }
        guard let subsegments = segment.subsegments else { return }
        guard depth < Self.depthMax else { return reject(.malformedItem, segment) }
        do throws(DecodeError) {
            var reader = JSONReader(subsegments)
            try reader.beginArray()
            while try reader.nextItem() { add(try reader.slice(), below, depth: depth + 1) }
        } catch {
            reject(error)
        }
    }

    private mutating func add(_ slice: JSONSlice, _ family: Family, depth: Int) {
        do throws(DecodeError) {
            try WireLimits.checkItems(batch.count)
            var reader = JSONReader(slice)
            var segment = try XRaySegment(&reader, strings: &batch.strings)
            segment.isSubsegment = true
            add(segment, family, depth: depth)
        } catch {
            reject(error)
        }
    }

    private func problem(of segment: XRaySegment, _ trace: TraceID?) -> RejectionReason? {
        if trace == nil { return .invalidTraceID }
        if segment.spanID == nil { return .invalidSpanID }
        if segment.parentID.isGiven, segment.parentID.value == nil { return .invalidParentID }
        return segment.start == nil ? .missingTimestamp : nil
    }

    private mutating func appendRow(
        _ segment: XRaySegment, _ trace: TraceID, _ span: SpanID, _ parent: SpanID?,
        _ start: Int64, _ resource: UInt32
    ) {
        let attributeCount = batch.attributes.count
        let eventCount = batch.events.count
        let end = segment.end ?? start
        var message: StringID = 0
        do throws(DecodeError) {
            message = try appendMembers(of: segment, end: Timestamp(nanoseconds: end))
        } catch {
            batch.attributes.truncate(to: attributeCount)
            batch.events.truncate(to: eventCount)
            return reject(error)
        }
        if end < start {
            RawEnd.keep(UInt64(end), in: &batch)
            ignoredFields += 1
        }
        let isError = segment.isError || segment.isFault || segment.isThrottled
        batch.traceIDs.append(trace)
        batch.spanIDs.append(span)
        let parentID = parent ?? .invalid
        batch.parentIDs.append(parentID == span ? .invalid : parentID)
        batch.starts.append(Timestamp(nanoseconds: start))
        batch.durations.append(
            max(0, Timestamp(nanoseconds: end).nanoseconds(since: Timestamp(nanoseconds: start))))
        batch.names.append(segment.name)
        batch.kinds.append(
            !segment.isSubsegment ? .server : segment.namespace != 0 ? .client : .internal)
        batch.statuses.append(isError ? .error : .unset)
        batch.statusMessages.append(isError ? message : 0)
        batch.traceStates.append(0)
        // Only sampled segments are sent.
        batch.flags.append(1)
        batch.resourceIndices.append(resource)
        batch.scopeIndices.append(0)
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.eventEnds.append(UInt32(truncatingIfNeeded: batch.events.count))
        batch.linkEnds.append(0)
        batch.droppedAttributeCounts.append(0)
        batch.droppedEventCounts.append(0)
        batch.droppedLinkCounts.append(0)
    }

    /// Segments of one service share a resource. A subsegment sent on its own does not say whose it is.
    private mutating func resource(of segment: XRaySegment) -> UInt32 {
        let key = ResourceKey(
            service: segment.isSubsegment ? 0 : segment.name, version: segment.version,
            origin: segment.origin)
        if let known = resources[key] { return known }
        let index = OTLPJSONShared.openResource(in: &batch.shared)
        let start = batch.shared.attributes.count
        func append(_ name: String, _ value: StringID) {
            guard value != 0 else { return }
            batch.shared.attributes.append(
                key: batch.strings.intern(name), type: .string, payload: UInt64(value))
        }
        append(SemanticKey.serviceName, key.service)
        append(SemanticKey.serviceVersion, key.version)
        append("cloud.provider", batch.strings.intern("aws"))
        append("aws.xray.origin", key.origin)
        batch.shared.resources[index].attributes = start..<batch.shared.attributes.count
        let resource = UInt32(truncatingIfNeeded: index)
        resources[key] = resource
        return resource
    }

    private mutating func reject(_ reason: RejectionReason, _ segment: XRaySegment) {
        let name = batch.strings[segment.name]
        lastRejection = "\(reason.rawValue): segment \"\(name)\""
        tally.add(reason, example: "segment \"\(name)\"")
    }
}
