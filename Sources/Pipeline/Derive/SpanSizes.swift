import Telemetry

/// How many bytes spans take as OTLP protobuf (opentelemetry/proto/trace/v1/trace.proto), from their
/// columns. Arrays and maps count with the bytes of their compact form, which is close.
struct SpanSizes {
    private let batch: SpanBatch
    /// Tag, length and content of each string as a field; 0 for "", of which none is written.
    private let texts: [UInt32]
    /// Of all attributes of each span.
    private let attributeBytes: [Int]

    init(_ batch: SpanBatch) {
        self.batch = batch
        texts = Self.texts(batch.strings.ends)
        attributeBytes = Self.bytes(of: batch.attributes, ends: batch.attributeEnds, texts)
    }

    private static func texts(_ ends: [UInt32]) -> [UInt32] {
        var texts: [UInt32] = []
        texts.reserveCapacity(ends.count)
        var start: UInt32 = 0
        for end in ends {
            let length = Int(end &- start)
            texts.append(length == 0 ? 0 : UInt32(truncatingIfNeeded: delimited(length)))
            start = end
        }
        return texts
    }

    private static func bytes(
        of columns: AttributeColumns, ends: [UInt32], _ texts: [UInt32]
    ) -> [Int] {
        var bytes: [Int] = []
        bytes.reserveCapacity(ends.count)
        var start = 0
        for end in ends {
            let end = Int(end)
            bytes.append(attributes(columns, start..<end, texts))
            start = end
        }
        return bytes
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
        bytes &+= attributeBytes[row]
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
                &+ Self.attributes(events.attributes, events.attributeRange(event), texts)
                &+ count(events.droppedAttributeCounts[event]))
    }

    private func link(_ link: Int) -> Int {
        let links = batch.links
        return Self.delimited(
            18 &+ 10 &+ text(links.traceStates[link])
                &+ Self.attributes(links.attributes, links.attributeRange(link), texts)
                &+ count(links.droppedAttributeCounts[link])
                // A fixed 32-bit field.
                &+ (links.flags[link] == 0 ? 0 : 5))
    }

    @inline(__always)
    private static func attributes(
        _ columns: AttributeColumns, _ cells: Range<Int>, _ texts: [UInt32]
    ) -> Int {
        var bytes = 0
        for cell in cells {
            let payload = columns.payloads[cell]
            let value =
                switch columns.types[cell] {
                case .empty: 0
                case .bool: 2
                case .int: 1 &+ varint(payload)
                case .double: 9
                // The member that is set is written even if it is empty.
                case .string, .bytes, .array, .map:
                    max(2, Int(texts[Int(truncatingIfNeeded: payload)]))
                }
            bytes &+= delimited(Int(texts[Int(columns.keys[cell])]) &+ delimited(value))
        }
        return bytes
    }

    @inline(__always)
    private func text(_ id: StringID) -> Int { Int(texts[Int(id)]) }

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
