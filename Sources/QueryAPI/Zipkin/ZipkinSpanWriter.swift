import Telemetry
import WireFormats

/// Spans as Zipkin v2 JSON, the way back from what `ZipkinSpans` reads: a span that came from Zipkin is
/// shown as it was sent. For others the mapping is OpenTelemetry's ("Transformation to Zipkin").
///
/// Links have no form in Zipkin and are not shown.
struct ZipkinSpanWriter {
    private let spans: SpanBatch
    private let services: ServiceNames
    private let keys: Keys

    init(_ spans: SpanBatch) {
        self.spans = spans
        services = ServiceNames(spans)
        keys = Keys(spans.strings)
    }

    /// Attributes that are parts of an endpoint in Zipkin's model.
    private static let endpointKeys: Set<String> = [
        "net.host.ip", "net.host.port", "network.peer.address", "network.peer.port",
        SemanticKey.peerService, SemanticKey.serviceName,
    ]

    static func isEndpoint(_ key: String) -> Bool { endpointKeys.contains(key) }

    /// Adds all spans to an array that is being written.
    func write(to array: inout JSONWriter) {
        for row in 0..<spans.count { array.object { span(row, to: &$0) } }
    }

    private func span(_ row: Int, to writer: inout JSONWriter) {
        let parts = Parts(spans, row, keys)
        writer.key("traceId")
        writer.jaegerValue(spans.traceIDs[row])
        if spans.parentIDs[row].isValid { writer.field("parentId", spans.parentIDs[row]) }
        writer.field("id", spans.spanIDs[row])
        if let kind = kind(row) { writer.field("kind", kind) }
        let name = spans.strings[spans.names[row]].lowercased()
        if !name.isEmpty { writer.field("name", name) }
        writer.field("timestamp", spans.starts[row].microseconds)
        // A duration under a microsecond is shown as one: 0 means that none is known.
        let duration = spans.durations[row]
        if duration > 0 { writer.field("duration", max(1, duration / 1_000)) }
        endpoint("localEndpoint", services[row], parts.localAddress, parts.localPort, to: &writer)
        endpoint(
            "remoteEndpoint", parts.remoteService, parts.remoteAddress, parts.remotePort,
            to: &writer)
        annotations(row, to: &writer)
        tags(row, parts, to: &writer)
        if parts.isDebug { writer.field("debug", true) }
        if parts.isShared { writer.field("shared", true) }
    }

    private func kind(_ row: Int) -> String? {
        switch spans.kinds[row] {
        case .unspecified, .internal: nil
        case .client: "CLIENT"
        case .server: "SERVER"
        case .producer: "PRODUCER"
        case .consumer: "CONSUMER"
        }
    }

    private func endpoint(
        _ key: StaticString, _ service: String, _ address: String, _ port: Int64,
        to writer: inout JSONWriter
    ) {
        guard !service.isEmpty || !address.isEmpty || port != 0 else { return }
        writer.objectField(key) { endpoint in
            if !service.isEmpty { endpoint.field("serviceName", service.lowercased()) }
            if !address.isEmpty {
                if address.contains(":") {
                    endpoint.field("ipv6", address)
                } else {
                    endpoint.field("ipv4", address)
                }
            }
            if port != 0 { endpoint.field("port", port) }
        }
    }

    /// Events; those with attributes as `"name": {…}`.
    private func annotations(_ row: Int, to writer: inout JSONWriter) {
        let range = spans.eventRange(row)
        guard !range.isEmpty else { return }
        let (events, strings) = (spans.events, spans.strings)
        writer.arrayField("annotations") { array in
            for event in range {
                array.object { annotation in
                    annotation.field("timestamp", events.times[event].microseconds)
                    let name = strings[events.names[event]]
                    let cells = events.attributeRange(event)
                    guard !cells.isEmpty else { return annotation.field("value", name) }
                    var text = ""
                    AttributeValue.string(name).appendJSON(to: &text)
                    text += ": "
                    AttributeValue.map(events.attributes.attributes(in: cells, strings: strings))
                        .appendJSON(to: &text)
                    annotation.field("value", text)
                }
            }
        }
    }

    private func tags(_ row: Int, _ parts: Parts, to writer: inout JSONWriter) {
        guard hasTags(row, parts) else { return }
        let strings = spans.strings
        var written: Set<StringID> = []
        writer.objectField("tags") { tags in
            for cell in parts.tagCells where written.insert(spans.attributes.keys[cell]).inserted {
                tags.textTag(spans.attributes, cell, strings)
            }
            let resource = spans.shared.resources[Int(spans.resourceIndices[row])]
            for cell in resource.attributes
            where spans.shared.attributes.keys[cell] != keys.serviceName
                && written.insert(spans.shared.attributes.keys[cell]).inserted
            {
                tags.textTag(spans.shared.attributes, cell, strings)
            }
            derivedTags(row, hasError: written.contains(keys.error), to: &tags)
        }
    }

    private func hasTags(_ row: Int, _ parts: Parts) -> Bool {
        let scope = spans.shared.scopes[Int(spans.scopeIndices[row])]
        let resource = spans.shared.resources[Int(spans.resourceIndices[row])]
        return !parts.tagCells.isEmpty || spans.statuses[row] != .unset || scope.name != 0
            || scope.version != 0 || spans.traceStates[row] != 0
            || resource.attributes.contains {
                spans.shared.attributes.keys[$0] != keys.serviceName
            }
    }

    /// What columns tell. A span whose own tag says the error needs no status beside it.
    private func derivedTags(_ row: Int, hasError: Bool, to tags: inout JSONWriter) {
        let strings = spans.strings
        let message = strings[spans.statusMessages[row]]
        switch spans.statuses[row] {
        case .unset: break
        case .ok: tags.field("otel.status_code", "OK")
        case .error:
            guard !hasError else { break }
            tags.field("error", message.isEmpty ? "true" : message)
            tags.field("otel.status_code", "ERROR")
        }
        let scope = spans.shared.scopes[Int(spans.scopeIndices[row])]
        if scope.name != 0 { tags.field("otel.scope.name", strings[scope.name]) }
        if scope.version != 0 { tags.field("otel.scope.version", strings[scope.version]) }
        let state = spans.traceStates[row]
        if state != 0 { tags.field("w3c.tracestate", strings[state]) }
    }
}

/// The ids of attribute names with a meaning of their own; `.max`, which no text has, for those that the
/// batch lacks.
private struct Keys {
    let localAddress: StringID
    let localPort: StringID
    let remoteAddress: StringID
    let remotePort: StringID
    let remoteService: StringID
    let serviceName: StringID
    let shared: StringID
    let debug: StringID
    let error: StringID

    init(_ strings: StringTable) {
        func id(_ key: String) -> StringID { strings.id(of: key) ?? .max }
        localAddress = id("net.host.ip")
        localPort = id("net.host.port")
        remoteAddress = id("network.peer.address")
        remotePort = id("network.peer.port")
        remoteService = id(SemanticKey.peerService)
        serviceName = id(SemanticKey.serviceName)
        shared = id("zipkin.shared")
        debug = id("zipkin.debug")
        error = id("error")
    }
}

/// The attributes of a span sorted into what Zipkin has members for, and tags.
private struct Parts {
    private(set) var localAddress = ""
    private(set) var localPort: Int64 = 0
    private(set) var remoteAddress = ""
    private(set) var remotePort: Int64 = 0
    private(set) var remoteService = ""
    private(set) var isShared = false
    private(set) var isDebug = false
    private(set) var tagCells: [Int] = []

    init(_ spans: SpanBatch, _ row: Int, _ keys: Keys) {
        let (columns, strings) = (spans.attributes, spans.strings)
        for cell in spans.attributeRange(row) {
            let value = columns.value(at: cell, strings: strings)
            switch (columns.keys[cell], value) {
            case (keys.localAddress, .string(let text)) where Self.isAddress(text):
                localAddress = text
            case (keys.remoteAddress, .string(let text)) where Self.isAddress(text):
                remoteAddress = text
            case (keys.localPort, .int(let port)): localPort = port
            case (keys.remotePort, .int(let port)): remotePort = port
            case (keys.remoteService, .string(let name)): remoteService = name
            case (keys.shared, .bool(true)): isShared = true
            case (keys.debug, .bool(true)): isDebug = true
            default: tagCells.append(cell)
            }
        }
    }

    /// Whether it looks like an IP address: other things (the path of a socket) are shown as tags.
    private static func isAddress(_ text: String) -> Bool {
        text.utf8.allSatisfy {
            HexDigits.nibble($0) != nil || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":")
        }
            && text.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") }
    }
}

extension JSONWriter {
    /// An attribute as a tag: its text.
    fileprivate mutating func textTag(
        _ columns: AttributeColumns, _ cell: Int, _ strings: StringTable
    ) {
        strings.withBytes(of: columns.keys[cell]) { key(utf8: $0) }
        guard columns.types[cell] == .string else {
            return value(columns.value(at: cell, strings: strings).text)
        }
        let text = StringID(truncatingIfNeeded: columns.payloads[cell])
        strings.withBytes(of: text) { value(utf8: $0) }
    }
}
