import Glibc
import Telemetry

/// How lines become log records.
package struct LogLineOptions: Sendable {
    /// Fields whose values identify a stream: they become resource attributes under their own names,
    /// and stay in the record too, so that the line still reads back whole.
    package var labelFields: [String]
    /// Attributes that every resource of the body gets, such as `service.name`. A label field of the
    /// same name in a line takes precedence.
    package var resource: [Attribute]
    /// Formats of text lines, tried before those that are recognised anyway.
    package var formats: [LineTemplate]
    /// Seconds east of UTC of times that tell no zone, such as HAProxy's.
    package var utcOffset: Int

    package init(
        labelFields: [String] = [], resource: [Attribute] = [], formats: [LineTemplate] = [],
        utcOffset: Int = 0
    ) {
        self.labelFields = labelFields
        self.resource = resource
        self.formats = formats
        self.utcOffset = utcOffset
    }
}

/// Log lines, most of them JSON objects (JSON lines), to `LogBatch`.
package enum LogLines {
    /// Longer lines are refused. Container runtimes cut at 16 KiB, Loki's own limit is 256 KiB.
    package static let lineBytesMax = 1 << 20

    /// Decodes a body of lines that end in LF or CRLF.
    ///
    /// A line that is a JSON object becomes a record without a body: all its members are attributes, in
    /// their order and with their JSON types; arrays and objects inside become arrays and maps. Whole
    /// numbers beyond 64 bits become the nearest double. If `LogLine` would not render them as the same
    /// bytes, the line is the body too.
    /// Members of known names also fill columns; see `LogField`. Any other line, also one that nests
    /// deeper than attributes may, becomes the record's body as it is; if it is of a known access-log
    /// format, or logfmt, its fields become attributes beside it (`AccessLogName`). So does a JSON object
    /// of a known dialect (`JSONDialect`). Empty lines are passed over. Invalid UTF-8 is repaired and
    /// counted.
    ///
    /// - Parameter receivedAt: the observed time of all records, and the time of those that tell none.
    /// - Returns: one record a line; lines over `lineBytesMax` are rejected as `lineTooLong`.
    /// - Throws: `DecodeError.tooLarge` past the limits of `WireLimits`.
    /// - Complexity: O(bytes); no allocation per line.
    package static func decode(
        _ body: UnsafeRawBufferPointer, options: LogLineOptions = LogLineOptions(),
        receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = LogLineDecoder(
            bodyBytes: body.count, options: options, receivedAt: receivedAt)
        var start = 0
        var number = 0
        while start < body.count {
            var end = lineEnd(in: body, from: start)
            let next = end + 1
            number += 1
            if end > start, body[end - 1] == UInt8(ascii: "\r") { end -= 1 }
            if end > start {
                try decoder.line(
                    UnsafeRawBufferPointer(rebasing: body[start..<end]), number: number)
            }
            start = next
        }
        return decoder.finish()
    }

    package static func decode(
        _ body: [UInt8], options: LogLineOptions = LogLineOptions(), receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<LogBatch> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(bytes, options: options, receivedAt: receivedAt)
        }
    }

    static func lineEnd(in body: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = body.baseAddress,
            let found = memchr(base + start, 0x0A, body.count - start)
        else { return body.count }
        return UnsafeRawPointer(found) - base
    }
}
