import Telemetry

/// How many bytes spans take as OTLP protobuf (opentelemetry/proto/trace/v1/trace.proto), from their
/// columns. Arrays and maps count with the bytes of their compact form, which is close.
struct SpanSizes {
    private let batch: SpanBatch
    private let ends: [UInt32]

    init(_ batch: SpanBatch) {
        self.batch = batch
        ends = batch.strings.ends
    }

    func bytes(of row: Int) -> UInt64 {
        // Trace id, span id, start and end.
        var bytes = 18 + 10 + 9 + 9
        if batch.parentIDs[row].value != 0 { bytes &+= 10 }
        bytes &+= text(batch.traceStates[row]) &+ text(batch.names[row])
        // Patterns, because `==` of such an enumeration is a generic call.
        if case .unspecified = batch.kinds[row] {} else { bytes &+= 2 }
        // Field 16 has a tag of two bytes.
        if batch.flags[row] != 0 { bytes &+= 6 }
        var status = text(batch.statusMessages[row])
        if case .unset = batch.statuses[row] {} else { status &+= 2 }
        if status > 0 { bytes &+= Self.delimited(status) }
        bytes &+= attributes(batch.attributes, batch.attributeRange(row))
        let events = batch.eventRange(row)
        if !events.isEmpty { for event in events { bytes &+= self.event(event) } }
        let links = batch.linkRange(row)
        if !links.isEmpty { for link in links { bytes &+= self.link(link) } }
        bytes &+= count(batch.droppedAttributeCounts[row]) &+ count(batch.droppedEventCounts[row])
        bytes &+= count(batch.droppedLinkCounts[row])
        return UInt64(truncatingIfNeeded: bytes)
    }

    private func event(_ event: Int) -> Int {
        let events = batch.events
        return Self.delimited(
            9 &+ text(events.names[event])
                &+ attributes(events.attributes, events.attributeRange(event))
                &+ count(events.droppedAttributeCounts[event]))
    }

    private func link(_ link: Int) -> Int {
        let links = batch.links
        return Self.delimited(
            18 &+ 10 &+ text(links.traceStates[link])
                &+ attributes(links.attributes, links.attributeRange(link))
                &+ count(links.droppedAttributeCounts[link])
                // A fixed 32-bit field.
                &+ (links.flags[link] == 0 ? 0 : 5))
    }

    @inline(__always)
    private func attributes(_ columns: AttributeColumns, _ cells: Range<Int>) -> Int {
        var bytes = 0
        for cell in cells {
            let payload = columns.payloads[cell]
            let value =
                switch columns.types[cell] {
                case .empty: 0
                case .bool: 2
                case .int: 1 &+ Self.varint(payload)
                case .double: 9
                case .string, .bytes:
                    // The member that is set is written even if it is empty.
                    Self.delimited(length(StringID(truncatingIfNeeded: payload)))
                case .array, .map:
                    Self.delimited(length(StringID(truncatingIfNeeded: payload)))
                }
            bytes &+= Self.delimited(text(columns.keys[cell]) &+ Self.delimited(value))
        }
        return bytes
    }

    /// Of a text field; none is written for "".
    @inline(__always)
    private func text(_ id: StringID) -> Int { id == 0 ? 0 : Self.delimited(length(id)) }

    @inline(__always)
    private func length(_ id: StringID) -> Int {
        id == 0 ? 0 : Int(ends[Int(id)] &- ends[Int(id) &- 1])
    }

    @inline(__always)
    private func count(_ value: UInt32) -> Int {
        value == 0 ? 0 : 1 &+ Self.varint(UInt64(value))
    }

    /// Tag, length and content.
    @inline(__always)
    private static func delimited(_ length: Int) -> Int {
        1 &+ varint(UInt64(truncatingIfNeeded: length)) &+ length
    }

    @inline(__always)
    private static func varint(_ value: UInt64) -> Int {
        (70 &- (value | 1).leadingZeroBitCount) / 7
    }
}
