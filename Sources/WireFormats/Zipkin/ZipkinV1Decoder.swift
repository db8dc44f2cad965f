import Telemetry

/// Turns Zipkin v1 JSON spans (zipkin.io/zipkin-api, zipkin-api.yaml) into rows of a `SpanBatch`, as
/// Zipkin's own server turns them into version 2.
///
/// - What happened is told by annotations: `cs` and `cr` (a client sends and receives), `sr` and `ss`
///   (a server), `ms` and `mr` (messages). They give kind, times and endpoint, and are no events. A span
///   that client and server both wrote into becomes two rows with one id, the server's marked as shared.
/// - The binary annotations `sa`, `ca` and `ma` name the other side; all others are tags.
/// - A server's span without a timestamp of its own shares its client's id.
struct ZipkinV1Decoder {
    private typealias Endpoint = ZipkinSpanDecoder.Endpoint

    /// The annotations that tell kind and times.
    private enum Core: Int, CaseIterable {
        case clientSend, clientReceive, serverReceive, serverSend, messageSend, messageReceive

        init?(_ value: UnsafeRawBufferPointer) {
            switch JSONKey(bytes: value) {
            case "cs": self = .clientSend
            case "cr": self = .clientReceive
            case "sr": self = .serverReceive
            case "ss": self = .serverSend
            case "ms": self = .messageSend
            case "mr": self = .messageReceive
            default: return nil
            }
        }
    }

    /// The binary annotations that name the other side.
    private enum Address: Int, CaseIterable {
        case server, client, broker

        init?(_ key: UnsafeRawBufferPointer) {
            switch JSONKey(bytes: key) {
            case "sa": self = .server
            case "ca": self = .client
            case "ma": self = .broker
            default: return nil
            }
        }
    }

    private struct Annotation {
        /// Microseconds.
        var time: Int64 = 0
        var value: StringID = 0
        var endpoint = Endpoint()
    }

    private struct Tag {
        var key: StringID = 0
        var value: StringID = 0
        var endpoint = Endpoint()
    }

    /// What one process did of a span.
    private struct Side {
        var kind = SpanKind.internal
        var endpoint = Endpoint()
        var remote: Endpoint?
        /// Microseconds; 0 is missing.
        var start: Int64 = 0
        var duration: Int64 = 0
        var isShared = false
    }

    private(set) var rows: ZipkinSpanDecoder
    private var annotations: [Annotation] = []
    private var tags: [Tag] = []
    private var core: [6 of Annotation?] = .init(repeating: nil)
    private var addresses: [3 of Endpoint?] = .init(repeating: nil)

    init(bodyBytes: Int, receivedAt: Timestamp) {
        rows = ZipkinSpanDecoder(bodyBytes: bodyBytes, receivedAt: receivedAt)
    }

    /// Adds or rejects the span that comes next.
    mutating func span(_ reader: inout JSONReader) throws(DecodeError) {
        annotations.removeAll(keepingCapacity: true)
        tags.removeAll(keepingCapacity: true)
        core = .init(repeating: nil)
        addresses = .init(repeating: nil)
        var head = ZipkinSpanDecoder.SpanFields()
        let isDebug = try read(&reader, into: &head)
        let (first, second) = sides(of: head)
        try add(first, head, isDebug: isDebug) { endpoint in
            guard let second else { return true }
            return endpoint.service != second.endpoint.service
                || endpoint.service == first.endpoint.service
        }
        guard let second else { return }
        try add(second, head, isDebug: isDebug) { endpoint in
            endpoint.service == second.endpoint.service
                && endpoint.service != first.endpoint.service
        }
    }

    /// Whether the span asks to be kept by all means.
    private mutating func read(
        _ reader: inout JSONReader, into head: inout ZipkinSpanDecoder.SpanFields
    ) throws(DecodeError) -> Bool {
        var isDebug = false
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "traceId": head.traceID = ZipkinSpanDecoder.traceID(try reader.string())
            case "id": head.spanID = ZipkinSpanDecoder.spanID(try reader.string())
            case "parentId": head.parentID = ZipkinSpanDecoder.spanID(try reader.string())
            case "name": head.name = rows.batch.strings.intern(try reader.string())
            case "timestamp": head.start = try reader.microseconds("timestamp")
            case "duration": head.duration = try reader.microseconds("duration")
            case "debug": isDebug = try reader.bool()
            case "annotations":
                try reader.beginArray()
                while try reader.nextItem() { try annotation(&reader) }
            case "binaryAnnotations":
                try reader.beginArray()
                while try reader.nextItem() { try binaryAnnotation(&reader) }
            default: try reader.skipValue()
            }
        }
        return isDebug
    }

    private mutating func annotation(_ reader: inout JSONReader) throws(DecodeError) {
        var annotation = Annotation()
        var meaning: Core?
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "timestamp": annotation.time = try reader.microseconds("annotation timestamp")
            case "value":
                let text = try reader.string()
                meaning = Core(text)
                annotation.value = rows.batch.strings.intern(text)
            case "endpoint": annotation.endpoint = try rows.endpoint(&reader)
            default: try reader.skipValue()
            }
        }
        annotation.time = max(0, annotation.time)
        if let meaning {
            core[meaning.rawValue] = annotation
        } else {
            annotations.append(annotation)
        }
    }

    private mutating func binaryAnnotation(_ reader: inout JSONReader) throws(DecodeError) {
        var tag = Tag()
        var address: Address?
        var isTrue = false
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "key":
                let text = try reader.string()
                address = Address(text)
                tag.key = rows.batch.strings.intern(text)
            case "value":
                let text = try reader.tagText()
                isTrue = "true" ~= JSONKey(bytes: text)
                tag.value = rows.batch.strings.intern(text)
            case "endpoint": tag.endpoint = try rows.endpoint(&reader)
            default: try reader.skipValue()
            }
        }
        if let address, isTrue {
            addresses[address.rawValue] = tag.endpoint
        } else {
            tags.append(tag)
        }
    }

    // MARK: Rows

    /// The row or two rows that the span becomes.
    private func sides(of head: ZipkinSpanDecoder.SpanFields) -> (first: Side, second: Side?) {
        let client = pair(.clientSend, .clientReceive)
        let server = pair(.serverReceive, .serverSend)
        let producer = core[Core.messageSend.rawValue]
        let consumer = core[Core.messageReceive.rawValue]
        switch (client, server) {
        case (var client?, var server?):
            own(&client, .client, head, remote: .server)
            server.kind = .server
            server.remote = remote(.client, besides: server.endpoint)
            server.isShared = true
            return (client, server)
        case (var client?, nil):
            own(&client, .client, head, remote: .server)
            return (client, nil)
        case (nil, var server?):
            own(&server, .server, head, remote: .client)
            server.isShared = head.start == 0
            return (server, nil)
        case (nil, nil): break
        }
        switch (producer, consumer) {
        case (let sent?, let received?):
            var first = Side(endpoint: sent.endpoint, start: sent.time)
            own(&first, .producer, head, remote: .broker)
            var second = Side(kind: .consumer, endpoint: received.endpoint, start: received.time)
            second.remote = remote(.broker, besides: second.endpoint)
            second.isShared = true
            return (first, second)
        case (let sent?, nil):
            var side = Side(endpoint: sent.endpoint, start: sent.time)
            own(&side, .producer, head, remote: .broker)
            return (side, nil)
        case (nil, let received?):
            var side = Side(endpoint: received.endpoint, start: received.time)
            own(&side, .consumer, head, remote: .broker)
            return (side, nil)
        case (nil, nil): return (local(head), nil)
        }
    }

    /// What two annotations of one side tell; `nil` without either.
    private func pair(_ first: Core, _ last: Core) -> Side? {
        let (begin, end) = (core[first.rawValue], core[last.rawValue])
        guard let told = begin ?? end else { return nil }
        var side = Side(endpoint: told.endpoint, start: begin?.time ?? 0)
        // Below zero it is told so, as of version 2.
        if let begin, let end { side.duration = end.time &- begin.time }
        return side
    }

    /// Makes a side the one that the span's own times belong to.
    private func own(
        _ side: inout Side, _ kind: SpanKind, _ head: ZipkinSpanDecoder.SpanFields,
        remote address: Address
    ) {
        side.kind = kind
        if head.start != 0 { side.start = head.start }
        if head.duration != 0 { side.duration = head.duration }
        side.remote = remote(address, besides: side.endpoint)
    }

    /// The other side by a binary annotation, unless it is this one.
    private func remote(_ address: Address, besides endpoint: Endpoint) -> Endpoint? {
        guard let other = addresses[address.rawValue], other != endpoint else { return nil }
        return other
    }

    /// A span without a core annotation: at the first place that is named.
    private func local(_ head: ZipkinSpanDecoder.SpanFields) -> Side {
        var side = Side(start: head.start, duration: head.duration)
        let client = addresses[Address.client.rawValue]
        side.remote = addresses[Address.server.rawValue]
        side.endpoint =
            (annotations.map(\.endpoint) + tags.map(\.endpoint)).first { $0 != Endpoint() }
            ?? client ?? Endpoint()
        return side
    }

    private mutating func add(
        _ side: Side, _ head: ZipkinSpanDecoder.SpanFields, isDebug: Bool,
        where isOf: (Endpoint) -> Bool
    ) throws(DecodeError) {
        let mark = try rows.begin()
        var fields = head
        fields.kind = side.kind
        fields.start = side.start
        fields.duration = side.duration
        if side.isShared { rows.appendShared() }
        if isDebug { rows.appendDebug(to: &fields) }
        rows.append(local: side.endpoint, to: &fields)
        if let remote = side.remote { rows.append(remote: remote) }
        for annotation in annotations where isOf(annotation.endpoint) {
            rows.append(annotation: annotation.value, at: annotation.time)
        }
        for tag in tags where isOf(tag.endpoint) && !isLocalComponent(tag) {
            rows.append(tag: tag.key, tag.value, to: &fields)
        }
        rows.finish(fields, since: mark)
    }

    /// `lc` without a value only says where the span was.
    private func isLocalComponent(_ tag: Tag) -> Bool {
        tag.value == 0
            && rows.batch.strings.withBytes(of: tag.key) { "lc" ~= JSONKey(bytes: $0) }
    }
}
