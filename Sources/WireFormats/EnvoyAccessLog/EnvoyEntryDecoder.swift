import Telemetry

/// Turns `StreamAccessLogsMessage` into rows of a `LogBatch`.
struct EnvoyEntryDecoder {
    private enum Field {
        static let httpLogs = ProtobufKey.length(2)
        static let tcpLogs = ProtobufKey.length(3)
        static let entry = ProtobufKey.length(1)
        static let common = ProtobufKey.length(1)
        static let protocolVersion = ProtobufKey.varint(2)
        static let request = ProtobufKey.length(3)
        static let response = ProtobufKey.length(4)
        static let connection = ProtobufKey.length(2)
        static let receivedBytes = ProtobufKey.varint(1)
        static let sentBytes = ProtobufKey.varint(2)
    }

    /// `HTTPAccessLogEntry.HTTPVersion`.
    private static let versions: [String] = ["", "HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"]

    var batch = LogBatch()
    var entry = EnvoyEntry()
    var ignoredFields = 0
    var scratch: [UInt8] = []
    var nested = CompactValueWriter()
    private let receivedAt: Timestamp
    private let keys: [StringID]
    private let resource: UInt32
    private let scope: UInt32

    init(bodyBytes: Int, sender: EnvoyAccessLog.Sender, receivedAt: Timestamp) {
        self.receivedAt = receivedAt
        let records = min(bodyBytes / 512 + 1, 65_536)
        batch.strings = StringTable(capacity: records * 4)
        batch.reserveCapacity(records)
        batch.attributes.reserveCapacity(records * 20)
        resource = batch.append(Resource(attributes: sender.attributes))
        scope = batch.append(Scope(name: "envoy"))
        var keys: [StringID] = []
        for slot in EnvoyEntry.Slot.allCases { keys.append(batch.strings.intern(slot.name)) }
        self.keys = keys
    }

    mutating func message(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Field.httpLogs: try entries(try message.message("http_logs"), isHTTP: true)
            case Field.tcpLogs: try entries(try message.message("tcp_logs"), isHTTP: false)
            default: try message.skip(key)
            }
        }
    }

    private mutating func entries(
        _ message: ProtobufReader, isHTTP: Bool
    ) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Field.entry:
                try WireLimits.checkItems(batch.count)
                entry.reset()
                let content = try message.message("log_entry")
                if isHTTP { try http(content) } else { try tcp(content) }
                append()
            default: try message.skip(key)
            }
        }
    }

    private mutating func http(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Field.common: try common(try message.message("common_properties"))
            case Field.protocolVersion:
                let version = try message.varint("protocol_version")
                guard version > 0, version < UInt64(Self.versions.count) else { continue }
                entry.set(.protocol, text: batch.strings.intern(Self.versions[Int(version)]))
            case Field.request: try request(try message.message("request"))
            case Field.response: try response(try message.message("response"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func tcp(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Field.common: try common(try message.message("common_properties"))
            case Field.connection:
                var connection = try message.message("connection_properties")
                entry.set(.bytesReceived, count: 0)
                entry.set(.bytesSent, count: 0)
                while true {
                    let key = try connection.nextKey()
                    if key == 0 { break }
                    switch key {
                    case Field.receivedBytes:
                        entry.set(.bytesReceived, count: try connection.varint("received_bytes"))
                    case Field.sentBytes:
                        entry.set(.bytesSent, count: try connection.varint("sent_bytes"))
                    default: try connection.skip(key)
                    }
                }
            default: try message.skip(key)
            }
        }
    }

    /// Adds the entry as a record.
    private mutating func append() {
        if let duration = entry.duration ?? entry.lastDownstreamSent {
            entry.set(.duration, nanoseconds: duration)
        }
        if !entry.has(.upstreamServiceTime), let first = entry.firstUpstreamReceived,
            let sent = entry.firstUpstreamSent
        {
            entry.set(.upstreamServiceTime, nanoseconds: first &- sent)
        }
        if let first = entry.firstUpstreamReceived {
            entry.set(.responseDuration, nanoseconds: first)
            if let last = entry.lastDownstreamSent {
                entry.set(.responseSentDuration, nanoseconds: last &- first)
            }
        }
        for index in entry.cells.indices where entry.cells[index].type != .empty {
            let cell = entry.cells[index]
            batch.attributes.append(key: keys[index], type: cell.type, payload: cell.payload)
        }
        batch.attributes.append(contentsOf: entry.extras)
        batch.times.append(entry.columns.time ?? receivedAt)
        batch.observedTimes.append(receivedAt)
        batch.severityNumbers.append(entry.columns.severityNumber)
        batch.severityTexts.append(entry.columns.severityText)
        batch.eventNames.append(0)
        batch.bodyTypes.append(.empty)
        batch.bodyPayloads.append(0)
        batch.traceIDs.append(entry.columns.traceID)
        batch.spanIDs.append(entry.columns.spanID)
        batch.flags.append(entry.columns.flags)
        batch.resourceIndices.append(resource)
        batch.scopeIndices.append(scope)
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.droppedAttributeCounts.append(0)
    }

    // MARK: Parts that several messages have

    /// Interns a text field into a slot.
    mutating func text(
        _ slot: EnvoyEntry.Slot, _ message: inout ProtobufReader, _ field: StaticString
    ) throws(DecodeError) {
        entry.set(slot, text: batch.strings.intern(try message.bytes(field)))
    }

    /// One entry of a `map<string, string>`: kept as `prefix` and its key; a known name may fill a column.
    mutating func pair(
        _ message: ProtobufReader, prefix: StaticString, isOfResponse: Bool = false
    ) throws(DecodeError) {
        var message = message
        var name = UnsafeRawBufferPointer(start: nil, count: 0)
        var value = name
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            switch key {
            case ProtobufKey.length(1): name = try message.bytes("map key")
            case ProtobufKey.length(2): value = try message.bytes("map value")
            default: try message.skip(key)
            }
        }
        let column = LogField(name: JSONKey(bytes: name))
        // The entry has a time of its own.
        if column != .plain, column != .time {
            entry.columns.recognise(column, value, nil, &batch.strings)
        }
        scratch.removeAll(keepingCapacity: true)
        ResponseFlag.append(prefix, to: &scratch)
        scratch.append(contentsOf: name)
        let key = scratch.withUnsafeBytes { batch.strings.intern($0) }
        let text = batch.strings.intern(value)
        // A trailer, or a header of an answer that has nothing but headers.
        if isOfResponse, "grpc-status" ~= JSONKey(bytes: name), !value.isEmpty {
            entry.set(.grpcStatus, text: text)
        }
        entry.extras.append(key: key, type: .string, payload: UInt64(text))
    }

    /// `google.protobuf.Duration` in nanoseconds; `nil` and counted if it is out of range.
    mutating func duration(
        _ message: inout ProtobufReader, _ field: StaticString
    ) throws(DecodeError) -> Int64? {
        try instant(try message.message(field))
    }

    /// Seconds and nanoseconds together.
    mutating func instant(_ message: ProtobufReader) throws(DecodeError) -> Int64? {
        var message = message
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
                let (sum, overflow2) = scaled.addingReportingOverflow(nanoseconds)
                guard !overflow, !overflow2 else {
                    ignoredFields += 1
                    return nil
                }
                return sum
            case ProtobufKey.varint(1): seconds = try message.int64("seconds")
            case ProtobufKey.varint(2): nanoseconds = Int64(try message.int32("nanos"))
            default: try message.skip(key)
            }
        }
    }

    /// The value of a `google.protobuf.UInt32Value`.
    func wrapped(
        _ message: inout ProtobufReader, _ field: StaticString
    ) throws(DecodeError) -> UInt64 {
        var wrapper = try message.message(field)
        var value: UInt64 = 0
        while true {
            let key = try wrapper.nextKey()
            switch key {
            case 0: return value
            case ProtobufKey.varint(1): value = UInt64(try wrapper.uint32(field))
            default: try wrapper.skip(key)
            }
        }
    }
}
