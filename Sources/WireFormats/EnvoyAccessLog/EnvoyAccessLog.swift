import Telemetry

/// Envoy's gRPC access log service (`envoy/service/accesslog/v3/als.proto` with the entries of
/// `envoy/data/accesslog/v3/accesslog.proto`) to `LogBatch`.
///
/// An entry becomes a record without a body: its fields are attributes under the names of
/// `AccessLogName`, as if Envoy had written Istio's JSON. Custom tags are kept under their own names, what
/// filters say as `metadata.FILTER.FIELD` and `filter_state.NAME`.
/// Entries carry no trace id of their own: one in a custom tag or a logged header fills the columns, as
/// in a line (`LogField`).
package enum EnvoyAccessLog {
    /// What the first message of a stream says about its sender, for all that follow.
    package struct Sender: Sendable, Equatable {
        package var attributes: [Attribute] = []

        package init() {}
    }

    /// Decodes one `StreamAccessLogsMessage`.
    ///
    /// - Parameters:
    ///   - sender: of the stream; replaced when the message has an identifier.
    ///   - receivedAt: the observed time of all records, and the time of entries without `start_time`.
    /// - Complexity: O(bytes); no allocation per entry.
    package static func decode(
        protobuf body: UnsafeRawBufferPointer, sender: inout Sender, receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try WireLimits.checkBody(body.count)
        if let new = try Sender(in: ProtobufReader(body)) { sender = new }
        var decoder = EnvoyEntryDecoder(
            bodyBytes: body.count, sender: sender, receivedAt: receivedAt)
        try decoder.message(ProtobufReader(body))
        return Decoded(
            batch: decoder.batch, repairedStrings: decoder.batch.strings.repairedCount,
            ignoredFields: decoder.ignoredFields)
    }

    package static func decode(
        protobuf body: [UInt8], sender: inout Sender, receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        var current = sender
        defer { sender = current }
        return try body.decoded { (bytes) throws(DecodeError) in
            try decode(protobuf: bytes, sender: &current, receivedAt: receivedAt)
        }
    }
}

extension EnvoyAccessLog.Sender {
    private enum Field {
        static let identifier = ProtobufKey.length(1)
        static let node = ProtobufKey.length(1)
        static let logName = ProtobufKey.length(2)
        static let nodeID = ProtobufKey.length(1)
        static let nodeCluster = ProtobufKey.length(2)
        static let nodeLocality = ProtobufKey.length(4)
        static let region = ProtobufKey.length(1)
        static let zone = ProtobufKey.length(2)
    }

    /// What the message's `identifier` says; `nil` if it has none.
    ///
    /// The node's cluster is the service, as in the spans of Envoy's Zipkin tracer; without one, it is
    /// the log's name.
    fileprivate init?(in message: ProtobufReader) throws(DecodeError) {
        var message = message
        var isThere = false
        var service = ""
        var logName = ""
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            guard key == Field.identifier else {
                try message.skip(key)
                continue
            }
            isThere = true
            var identifier = try message.message("identifier")
            while true {
                let key = try identifier.nextKey()
                if key == 0 { break }
                switch key {
                case Field.node: service = try node(try identifier.message("node"))
                case Field.logName: logName = Self.text(try identifier.bytes("log_name"))
                default: try identifier.skip(key)
                }
            }
        }
        guard isThere else { return nil }
        if service.isEmpty { service = logName }
        if !service.isEmpty {
            attributes.insert(Attribute(SemanticKey.serviceName, .string(service)), at: 0)
        }
        if !logName.isEmpty { attributes.append(Attribute("log_name", .string(logName))) }
    }

    private mutating func node(_ message: ProtobufReader) throws(DecodeError) -> String {
        var message = message
        var cluster = ""
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return cluster
            case Field.nodeID:
                add(SemanticKey.serviceInstanceID, try message.bytes("node.id"))
            case Field.nodeCluster: cluster = Self.text(try message.bytes("node.cluster"))
            case Field.nodeLocality: try locality(try message.message("node.locality"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func locality(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Field.region: add("cloud.region", try message.bytes("locality.region"))
            case Field.zone: add("cloud.availability_zone", try message.bytes("locality.zone"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func add(_ key: String, _ value: UnsafeRawBufferPointer) {
        guard !value.isEmpty else { return }
        attributes.append(Attribute(key, .string(Self.text(value))))
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes, as: UTF8.self)
    }
}
