import Telemetry

extension ZipkinSpanDecoder {
    /// The network place of a service; 0 for what is not told.
    struct Endpoint: Hashable {
        var service: StringID = 0
        var ipv4: StringID = 0
        var ipv6: StringID = 0
        var port: Int64 = 0
    }

    mutating func endpoint(_ reader: inout JSONReader) throws(DecodeError) -> Endpoint {
        var endpoint = Endpoint()
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "serviceName": endpoint.service = batch.strings.intern(try reader.string())
            case "ipv4": endpoint.ipv4 = address(try reader.string(), IPText.isIPv4)
            case "ipv6": endpoint.ipv6 = address(try reader.string(), IPText.isIPv6)
            case "port": endpoint.port = port(try reader.int64("port"))
            default: try reader.skipValue()
            }
        }
        return endpoint
    }

    /// What is no address is left out: readers in other languages fail on it.
    private mutating func address(
        _ text: UnsafeRawBufferPointer, _ isAddress: (UnsafeRawBufferPointer) -> Bool
    ) -> StringID {
        guard !text.isEmpty else { return 0 }
        if isAddress(text) { return batch.strings.intern(text) }
        ignoredFields += 1
        return 0
    }

    /// 0 for what is no port.
    mutating func port(_ number: Int64) -> Int64 {
        if 0...65_535 ~= number { return number }
        ignoredFields += 1
        return 0
    }

    /// Adds the address and port of the span's own side as attributes; its service goes to the resource.
    mutating func append(local endpoint: Endpoint, to fields: inout SpanFields) {
        fields.service = endpoint.service
        append(endpoint, address: "net.host.ip", port: "net.host.port")
    }

    /// Adds the other side as attributes.
    mutating func append(remote endpoint: Endpoint) {
        append(endpoint, address: "network.peer.address", port: "network.peer.port")
        append(text: endpoint.service, under: SemanticKey.peerService)
    }

    private mutating func append(_ endpoint: Endpoint, address: String, port: String) {
        append(text: endpoint.ipv4 != 0 ? endpoint.ipv4 : endpoint.ipv6, under: address)
        guard endpoint.port != 0 else { return }
        batch.attributes.append(
            key: batch.strings.intern(port), type: .int,
            payload: UInt64(bitPattern: endpoint.port))
    }

    /// Adds a string attribute unless it is empty.
    mutating func append(text: StringID, under key: String) {
        guard text != 0 else { return }
        batch.attributes.append(
            key: batch.strings.intern(key), type: .string, payload: UInt64(text))
    }

    /// Adds an annotation as an event.
    mutating func annotation(_ reader: inout JSONReader) throws(DecodeError) {
        var time: Int64 = 0
        var value: StringID = 0
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "timestamp": time = try reader.microseconds("annotation timestamp")
            case "value": value = batch.strings.intern(try reader.string())
            default: try reader.skipValue()
            }
        }
        append(annotation: value, at: time)
    }

    /// Adds an annotation as an event; `time` in microseconds.
    mutating func append(annotation value: StringID, at time: Int64) {
        batch.events.times.append(Timestamp(microseconds: max(0, time)))
        batch.events.names.append(value)
        batch.events.droppedAttributeCounts.append(0)
        batch.events.attributeEnds.append(
            UInt32(truncatingIfNeeded: batch.events.attributes.count))
    }

    mutating func tags(
        _ reader: inout JSONReader, into fields: inout SpanFields
    ) throws(DecodeError) {
        try reader.beginObject()
        while let key = try reader.nextField() {
            let id = batch.strings.intern(key.bytes)
            append(tag: id, batch.strings.intern(try reader.tagText()), to: &fields)
        }
    }

    /// Adds a tag as an attribute, unless a column tells it.
    mutating func append(tag key: StringID, _ value: StringID, to fields: inout SpanFields) {
        let meaning = batch.strings.withBytes(of: key) { TagMeaning(JSONKey(bytes: $0)) }
        if apply(meaning, value, to: &fields) { return }
        batch.attributes.append(key: key, type: .string, payload: UInt64(value))
    }

    /// What a tag means besides being an attribute.
    private enum TagMeaning {
        case plain, error, statusCode, statusDescription, scopeName, scopeVersion, traceState

        init(_ key: JSONKey) {
            switch key {
            case "error": self = .error
            case "otel.status_code": self = .statusCode
            case "otel.status_description": self = .statusDescription
            case "otel.scope.name", "otel.library.name": self = .scopeName
            case "otel.scope.version", "otel.library.version": self = .scopeVersion
            case "w3c.tracestate": self = .traceState
            default: self = .plain
            }
        }
    }

    /// Whether the tag is told by a column and so is no attribute.
    private func apply(
        _ meaning: TagMeaning, _ value: StringID, to fields: inout SpanFields
    ) -> Bool {
        switch meaning {
        case .plain: return false
        case .error:
            let isTrue = has(value, "true")
            fields.isError = !has(value, "false")
            fields.errorMessage = isTrue ? 0 : value
            return false
        case .statusCode:
            guard let status = status(value) else { return false }
            fields.status = status
        case .statusDescription: fields.statusMessage = value
        case .scopeName: fields.scopeName = value
        case .scopeVersion: fields.scopeVersion = value
        case .traceState: fields.traceState = value
        }
        return true
    }

    private func status(_ value: StringID) -> SpanStatus? {
        batch.strings.withBytes(of: value) { text in
            switch JSONKey(bytes: text) {
            case "OK", "STATUS_CODE_OK": .ok
            case "ERROR", "STATUS_CODE_ERROR": .error
            case "UNSET", "STATUS_CODE_UNSET": .unset
            default: nil
            }
        }
    }

    private func has(_ value: StringID, _ text: StaticString) -> Bool {
        batch.strings.withBytes(of: value) { text ~= JSONKey(bytes: $0) }
    }
}

extension JSONReader {
    /// A count of microseconds as a number or as a string of one; fractions are rounded.
    mutating func microseconds(_ field: StaticString) throws(DecodeError) -> Int64 {
        let number: JSONNumber?
        if try peek() == .string {
            number = JSONNumber(text: try string())
        } else {
            number = try self.number()
        }
        guard let number, let value = number.int64 ?? Int64(exactly: number.double.rounded())
        else { throw invalid(field, "a number of microseconds") }
        return value
    }

    /// The value of a tag: a string, or whatever else a sender wrote as it stands.
    mutating func tagText() throws(DecodeError) -> UnsafeRawBufferPointer {
        try peek() == .string ? try string() : try skipValue()
    }
}
