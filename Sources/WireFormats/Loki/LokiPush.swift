import Telemetry

/// Loki's push requests (grafana/loki `pkg/push/push.proto`, and "Ingest logs" of its HTTP API) to
/// `LogBatch`.
///
/// The labels of a stream are its resource; `service_name` is the service, and without it the first of
/// the labels that Loki looks at too. An entry has its own time; its line is read as any other
/// (`LogLines`), its structured metadata stays beside it as attributes.
package enum LokiPush {
    /// Decodes a `PushRequest`, expanded.
    ///
    /// - Returns: one record an entry. The entries of a stream whose labels cannot be read are rejected as
    ///   `malformedItem`, lines over `LogLines.lineBytesMax` as `lineTooLong`.
    /// - Complexity: O(bytes).
    package static func decode(
        protobuf body: UnsafeRawBufferPointer, options: LogLineOptions = LogLineOptions(),
        receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = LokiDecoder(
            bodyBytes: body.count, options: options, receivedAt: receivedAt)
        try decoder.request(ProtobufReader(body))
        return decoder.finish()
    }

    package static func decode(
        protobuf body: [UInt8], options: LogLineOptions = LogLineOptions(), receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(protobuf: bytes, options: options, receivedAt: receivedAt)
        }
    }

    /// Decodes `{"streams":[{"stream":{…},"values":[["NANOSECONDS","LINE",{…}]]}]}`.
    package static func decode(
        json body: UnsafeRawBufferPointer, options: LogLineOptions = LogLineOptions(),
        receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = LokiDecoder(
            bodyBytes: body.count, options: options, receivedAt: receivedAt)
        try decoder.json(body)
        return decoder.finish()
    }

    package static func decode(
        json body: [UInt8], options: LogLineOptions = LogLineOptions(), receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(json: bytes, options: options, receivedAt: receivedAt)
        }
    }
}

/// Turns streams and entries into rows of a `LogBatch`.
struct LokiDecoder: ~Copyable {
    private enum Field {
        static let stream = ProtobufKey.length(1)
        static let labels = ProtobufKey.length(1)
        static let entry = ProtobufKey.length(2)
        static let time = ProtobufKey.length(1)
        static let line = ProtobufKey.length(2)
        static let metadata = ProtobufKey.length(3)
        static let name = ProtobufKey.length(1)
        static let value = ProtobufKey.length(2)
        static let seconds = ProtobufKey.varint(1)
        static let nanoseconds = ProtobufKey.varint(2)
    }

    var lines: LogLineDecoder
    var number = 0
    private let fixed: [Attribute]

    init(bodyBytes: Int, options: LogLineOptions, receivedAt: Timestamp) {
        fixed = options.resource
        lines = LogLineDecoder(bodyBytes: bodyBytes, options: options, receivedAt: receivedAt)
    }

    consuming func finish() -> Decoded<LogBatch> { lines.finish() }

    /// The resource of a stream with these labels.
    mutating func resource(_ labels: [(name: String, value: String)]) -> UInt32 {
        let attributes = LokiLabels.attributes(labels)
        let names = Set(attributes.map(\.key))
        return lines.batch.append(
            Resource(attributes: fixed.filter { !names.contains($0.key) } + attributes))
    }

    mutating func request(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Field.stream: try stream(try message.message("streams"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func stream(_ message: ProtobufReader) throws(DecodeError) {
        var labels = UnsafeRawBufferPointer(start: nil, count: 0)
        var entryCount = 0
        var scan = message
        while true {
            let key = try scan.nextKey()
            if key == 0 { break }
            if key == Field.entry { entryCount += 1 }
            if key == Field.labels {
                labels = try scan.bytes("labels")
            } else {
                try scan.skip(key)
            }
        }
        guard let pairs = LokiLabels.parse(labels) else {
            let text = String(decoding: labels.prefix(100), as: UTF8.self)
            lines.tally.add(.malformedItem, count: entryCount, example: "labels \"\(text)\"")
            return
        }
        let resource = resource(pairs)
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Field.entry: try entry(try message.message("entries"), resource)
            default: try message.skip(key)
            }
        }
    }

    private mutating func entry(
        _ message: ProtobufReader, _ resource: UInt32
    ) throws(DecodeError) {
        var message = message
        var known = LogRecordFields()
        var text = UnsafeRawBufferPointer(start: nil, count: 0)
        number += 1
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            switch key {
            case Field.time: known.time = try Self.time(try message.message("timestamp"))
            case Field.line: text = try message.bytes("line")
            case Field.metadata: try metadata(try message.message("metadata"), &known)
            default: try message.skip(key)
            }
        }
        try lines.line(text, number: number, known: known, resource: resource)
    }

    private mutating func metadata(
        _ message: ProtobufReader, _ known: inout LogRecordFields
    ) throws(DecodeError) {
        var message = message
        var name = UnsafeRawBufferPointer(start: nil, count: 0)
        var value = name
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            switch key {
            case Field.name: name = try message.bytes("metadata name")
            case Field.value: value = try message.bytes("metadata value")
            default: try message.skip(key)
            }
        }
        lines.addMetadata(name, value, &known)
    }

    /// `nil` for the zero time, which says nothing.
    private static func time(_ message: ProtobufReader) throws(DecodeError) -> Timestamp? {
        var message = message
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
                let (sum, overflow2) = scaled.addingReportingOverflow(nanoseconds)
                return overflow || overflow2 || sum == 0 ? nil : Timestamp(nanoseconds: sum)
            case Field.seconds: seconds = try message.int64("seconds")
            case Field.nanoseconds: nanoseconds = Int64(try message.int32("nanos"))
            default: try message.skip(key)
            }
        }
    }
}

extension LogLineDecoder {
    /// Keeps a pair beside the next line. Ids of a trace and a span go into their columns instead.
    mutating func addMetadata(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
        _ known: inout LogRecordFields
    ) {
        let column = LogField(name: JSONKey(bytes: name))
        if column != .plain, column != .time {
            let (trace, span) = (known.traceID, known.spanID)
            known.recognise(column, value, nil, &batch.strings)
            if column == .traceID, known.traceID != trace { return }
            if column == .spanID, known.spanID != span { return }
        }
        let key = batch.strings.intern(name)
        let text = batch.strings.intern(value)
        metadata.append(key: key, type: .string, payload: UInt64(text))
    }
}
