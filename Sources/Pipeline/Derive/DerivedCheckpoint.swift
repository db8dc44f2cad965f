import Telemetry

/// The derived state as bytes: numbers as varints, strings with their length. The first byte is the
/// version of the layout.
enum DerivedCheckpoint {
    private static let version: UInt64 = 1

    static func encode(_ state: SpanDeriver.State, bounds: [Int64]) -> [UInt8] {
        var writer = Writer()
        writer.put(version)
        writer.put(bounds.map { UInt64(clamping: $0) })
        writer.put(state.latestArrival.nanoseconds)
        let begun = state.begun
        for count in [begun.groups, begun.edges, begun.unpaired] { writer.put(UInt64(count)) }
        writer.put(begun.isDroppedBegun)
        let spans = state.spans
        writer.put(UInt64(spans.groups.count))
        for (index, group) in spans.groups.enumerated() {
            writer.put(group.service)
            writer.put(group.name)
            writer.put(UInt64(group.kind.rawValue))
            writer.put(UInt64(group.status.rawValue))
            writer.put(group.begin)
            for total in [group.count, group.nanoseconds, group.bytes] { writer.put(total) }
            for bucket in 0..<spans.bucketCount {
                writer.put(spans.buckets[index * spans.bucketCount + bucket])
            }
        }
        encode(state.graph, to: &writer)
        return writer.bytes
    }

    private static func encode(_ graph: ServiceGraphTotals, to writer: inout Writer) {
        writer.put(UInt64(graph.services.count))
        for service in graph.services { writer.put(service) }
        writer.put(UInt64(graph.edges.count))
        for edge in graph.edges {
            for number in [edge.client, edge.server] { writer.put(UInt64(number)) }
            writer.put(UInt64(edge.connection.rawValue))
            writer.put(edge.begin)
            writer.put(edge.requests)
            writer.put(edge.failed)
            for times in [edge.serverTimes, edge.clientTimes, edge.messagingTimes] {
                writer.put(times.count)
                writer.put(times.nanoseconds)
                for count in times.buckets { writer.put(count) }
            }
        }
        writer.put(UInt64(graph.unpaired.count))
        for entry in graph.unpaired {
            writer.put(UInt64(entry.service))
            writer.put(entry.isServer)
            writer.put(entry.begin)
            writer.put(entry.count)
        }
        writer.put(graph.dropped)
        writer.put(graph.droppedBegin != nil)
        writer.put(graph.droppedBegin ?? 0)
        let waiting = graph.waiting.entries
        writer.put(UInt64(waiting.count))
        for entry in waiting {
            let half = entry.half
            for word in [half.trace.high, half.trace.low, half.span.value] { writer.put(word) }
            writer.put(UInt64(half.service))
            writer.put(half.peer.map { UInt64($0) + 1 } ?? 0)
            for time in [half.duration, half.handover.nanoseconds, entry.arrival.nanoseconds] {
                writer.put(time)
            }
            for flag in [
                half.isServer, half.isMessaging, half.isFailed, half.callsDatabase, half.isRoot,
            ] {
                writer.put(flag)
            }
        }
    }

    /// `nil` if the bytes are no checkpoint. One with other latency bounds belongs to metrics of other
    /// names: then the state stays empty.
    static func decode(
        _ bytes: UnsafeRawBufferPointer, into empty: SpanDeriver.State, bounds: [Int64]
    ) -> SpanDeriver.State? {
        var reader = Reader(bytes)
        var state = empty
        do throws(Reader.Failure) {
            guard try reader.number() == version else { return nil }
            let known = try reader.list { (reader) throws(Reader.Failure) in try reader.number() }
            guard known == bounds.map({ UInt64(clamping: $0) }) else { return empty }
            state.latestArrival = Timestamp(nanoseconds: try reader.signed())
            state.begun = SpanDeriver.Begun(
                groups: try reader.int(), edges: try reader.int(), unpaired: try reader.int(),
                isDroppedBegun: try reader.flag())
            for _ in 0..<(try reader.int()) {
                let group = try reader.group()
                var buckets: [UInt64] = []
                for _ in 0..<state.spans.bucketCount { buckets.append(try reader.number()) }
                state.spans.restore(group, buckets: buckets)
            }
            try reader.graph(into: &state.graph)
        } catch {
            return nil
        }
        return state
    }

    fileprivate struct Writer {
        private(set) var bytes: [UInt8] = []

        mutating func put(_ value: UInt64) { Varint.append(value, to: &bytes) }
        mutating func put(_ value: Int64) {
            put(UInt64(bitPattern: value << 1 ^ value >> 63))
        }
        mutating func put(_ flag: Bool) { bytes.append(flag ? 1 : 0) }
        mutating func put(_ text: String) {
            put(UInt64(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        mutating func put(_ values: [UInt64]) {
            put(UInt64(values.count))
            for value in values { put(value) }
        }
    }

    fileprivate struct Reader {
        struct Failure: Error {}

        private let bytes: UnsafeRawBufferPointer
        private var offset = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        mutating func number() throws(Failure) -> UInt64 {
            guard let value = Varint.read(bytes, &offset) else { throw Failure() }
            return value
        }

        mutating func signed() throws(Failure) -> Int64 {
            let value = try number()
            return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
        }

        /// Of something that takes a byte each at least.
        mutating func int() throws(Failure) -> Int {
            let value = try number()
            guard value <= bytes.count else { throw Failure() }
            return Int(value)
        }

        mutating func index(below count: Int) throws(Failure) -> UInt32 {
            let value = try number()
            guard value < count else { throw Failure() }
            return UInt32(value)
        }

        mutating func flag() throws(Failure) -> Bool { try number() != 0 }

        mutating func text() throws(Failure) -> String {
            let length = try int()
            guard length <= bytes.count - offset else { throw Failure() }
            defer { offset += length }
            return String(decoding: bytes[offset..<(offset + length)], as: UTF8.self)
        }

        mutating func list<Element>(
            _ element: (inout Reader) throws(Failure) -> Element
        ) throws(Failure) -> [Element] {
            var elements: [Element] = []
            for _ in 0..<(try int()) { elements.append(try element(&self)) }
            return elements
        }
    }
}

extension DerivedCheckpoint.Reader {
    fileprivate mutating func group() throws(Failure) -> SpanMetricTotals.Group {
        let (service, name) = (try text(), try text())
        guard let kind = SpanKind(rawValue: UInt8(clamping: try number())),
            let status = SpanStatus(rawValue: UInt8(clamping: try number()))
        else { throw Failure() }
        return SpanMetricTotals.Group(
            service: service, name: name, kind: kind, status: status, begin: try signed(),
            count: try number(), nanoseconds: try number(), bytes: try number())
    }

    fileprivate mutating func graph(into graph: inout ServiceGraphTotals) throws(Failure) {
        let services = try list { (reader) throws(Failure) in try reader.text() }
        let edges = try list { (reader) throws(Failure) in try reader.edge(services.count) }
        let unpaired = try list { (reader) throws(Failure) in
            ServiceGraphTotals.Unpaired(
                service: try reader.index(below: services.count), isServer: try reader.flag(),
                begin: try reader.signed(), count: try reader.number())
        }
        let dropped = try number()
        let (hasBegin, begin) = (try flag(), try signed())
        let waiting = try list { (reader) throws(Failure) in try reader.half(services.count) }
        graph.restore(
            services: services, edges: edges, unpaired: unpaired,
            dropped: (dropped, hasBegin ? begin : nil), waiting: waiting)
    }

    private mutating func edge(_ services: Int) throws(Failure) -> ServiceGraphTotals.Edge {
        let client = try index(below: services)
        let server = try index(below: services)
        guard
            let connection = ServiceGraphTotals.Connection(rawValue: UInt8(clamping: try number()))
        else { throw Failure() }
        return ServiceGraphTotals.Edge(
            client: client, server: server, connection: connection, begin: try signed(),
            requests: try number(), failed: try number(), serverTimes: try histogram(),
            clientTimes: try histogram(), messagingTimes: try histogram())
    }

    private mutating func histogram() throws(Failure) -> ServiceGraphTotals.Histogram {
        var times = ServiceGraphTotals.Histogram()
        times.count = try number()
        times.nanoseconds = try number()
        for bucket in times.buckets.indices { times.buckets[bucket] = try number() }
        return times
    }

    private mutating func half(_ services: Int) throws(Failure) -> WaitingHalves.Entry {
        let trace = TraceID(high: try number(), low: try number())
        let span = SpanID(try number())
        let service = try index(below: services)
        let peer = try index(below: services + 1)
        let half = CallHalf(
            trace: trace, span: span, service: service, peer: peer == 0 ? nil : peer - 1,
            duration: try signed(), handover: Timestamp(nanoseconds: try signed()),
            isServer: false, isMessaging: false, isFailed: false, callsDatabase: false,
            isRoot: false)
        var entry = WaitingHalves.Entry(
            half: half, arrival: Timestamp(nanoseconds: try signed()), isWaiting: true)
        entry.half.isServer = try flag()
        entry.half.isMessaging = try flag()
        entry.half.isFailed = try flag()
        entry.half.callsDatabase = try flag()
        entry.half.isRoot = try flag()
        return entry
    }
}
