import Telemetry

/// Prometheus remote read (prompb/remote.proto): the request, and both kinds of answers.
package enum RemoteRead {
    /// How a client wants to be answered.
    package enum ResponseType: UInt64, Sendable {
        /// One message with all samples, as a snappy block.
        case samples = 0
        /// A stream of framed messages with XOR chunks.
        case streamedChunks = 1
    }

    /// A condition on a label.
    package struct Matcher: Hashable, Sendable {
        package enum Kind: UInt64, Sendable {
            case equal = 0
            case notEqual = 1
            case matches = 2
            case doesNotMatch = 3
        }

        package var kind: Kind
        package var name: String
        package var value: String
    }

    /// One query; times in milliseconds, both included.
    package struct Query: Hashable, Sendable {
        package var start: Int64 = 0
        package var end: Int64 = 0
        package var matchers: [Matcher] = []
    }

    package struct Request: Hashable, Sendable {
        package var queries: [Query] = []
        /// In order of preference; empty is `samples`. What is unknown is left out.
        package var accepted: [ResponseType] = []
        /// Whether the client named kinds at all.
        package var namesKinds = false
    }

    /// Decodes a `ReadRequest` that has been unpacked from its snappy block.
    package static func decode(_ body: [UInt8]) throws(DecodeError) -> Request {
        try WireLimits.checkBody(body.count)
        return try body.decoded { (bytes) throws(DecodeError) in
            try request(ProtobufReader(bytes))
        }
    }

    private static func request(_ message: ProtobufReader) throws(DecodeError) -> Request {
        var message = message
        var request = Request()
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return request
            case ProtobufKey.length(1):
                request.queries.append(try query(try message.message("queries")))
            case ProtobufKey.varint(2), ProtobufKey.length(2):
                var kinds: [UInt64] = []
                try message.appendVarints(key, "accepted_response_types", to: &kinds)
                request.namesKinds = true
                request.accepted += kinds.compactMap(ResponseType.init)
            default: try message.skip(key)
            }
        }
    }

    private static func query(_ message: ProtobufReader) throws(DecodeError) -> Query {
        var message = message
        var query = Query()
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return query
            case ProtobufKey.varint(1):
                query.start = Int64(bitPattern: try message.varint("start_timestamp_ms"))
            case ProtobufKey.varint(2):
                query.end = Int64(bitPattern: try message.varint("end_timestamp_ms"))
            case ProtobufKey.length(3):
                query.matchers.append(try matcher(try message.message("matchers")))
            default: try message.skip(key)
            }
        }
    }

    private static func matcher(_ message: ProtobufReader) throws(DecodeError) -> Matcher {
        var message = message
        var matcher = Matcher(kind: .equal, name: "", value: "")
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return matcher
            case ProtobufKey.varint(1):
                let raw = try message.varint("matcher type")
                guard let kind = Matcher.Kind(rawValue: raw) else {
                    throw .malformed(
                        field: "matcher type", offset: message.offset,
                        reason: "\(raw) is no matcher type")
                }
                matcher.kind = kind
            case ProtobufKey.length(2):
                matcher.name = String(decoding: try message.bytes("matcher name"), as: UTF8.self)
            case ProtobufKey.length(3):
                matcher.value = String(decoding: try message.bytes("matcher value"), as: UTF8.self)
            default: try message.skip(key)
            }
        }
    }

    /// A `ReadResponse` with the series of each query, before its snappy block.
    package static func encode(samples results: [MetricBatch]) -> [UInt8] {
        var writer = ProtobufWriter()
        for batch in results {
            var series = batch
            series.metadata = []
            series.exemplars = []
            // The series of a `QueryResult` are numbered and shaped like those of a `WriteRequest`.
            RemoteWrite.encode(series).withUnsafeBytes { writer.presentBytes(1, $0) }
        }
        return writer.bytes
    }
}
