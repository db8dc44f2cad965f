import Telemetry

/// Syslog messages (RFC 5424, and RFC 3164 as daemons write it) to rows of a `LogBatch`.
///
/// The message itself is read as any other line (`LogLines`). Program and host are the resource
/// (`service.name`, `host.name`); severity is the record's, facility, process id, message id and
/// structured data are attributes. What has no header is kept as a line. A byte order mark before the message
/// of RFC 5424 is not part of it; anywhere else U+FEFF is text.
package struct SyslogDecoder: ~Copyable {
    private static let severities = [
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
    ]
    private static let facilities = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2",
        "local3", "local4", "local5", "local6", "local7",
    ]

    private var lines: LogLineDecoder
    private var number = 0
    private var resources: [[String]: UInt32] = [:]
    private let options: LogLineOptions
    private let receivedAt: Timestamp

    /// - Parameter options: `utcOffset` is where senders of RFC 3164 keep their clocks.
    package init(bodyBytes: Int, options: LogLineOptions, receivedAt: Timestamp) {
        self.options = options
        self.receivedAt = receivedAt
        lines = LogLineDecoder(bodyBytes: bodyBytes, options: options, receivedAt: receivedAt)
    }

    package consuming func finish() -> Decoded<LogBatch> { lines.finish() }

    /// A message that was lost on its way into the decoder.
    package mutating func reject(bytes: Int) {
        number += 1
        lines.tally.add(.lineTooLong, example: "message \(number) has \(bytes) bytes")
    }

    /// Adds the record of a message without its framing. Empty ones are passed over.
    package mutating func message(_ message: UnsafeRawBufferPointer) throws(DecodeError) {
        var end = message.count
        while end > 0, message[end - 1] <= 0x20 { end -= 1 }
        guard end > 0 else { return }
        number += 1
        var cursor = SyslogCursor(text: UnsafeRawBufferPointer(rebasing: message[..<end]))
        var known = LogRecordFields()
        guard let priority = cursor.priority() else {
            return try lines.line(
                cursor.rest, number: number, known: known, resource: resource("", ""))
        }
        let severity = Self.severities[priority & 7]
        known.severityText = lines.batch.strings.intern(severity)
        known.severityNumber = Array(severity.utf8).withUnsafeBytes { LogFieldText.severity($0) }
        attribute("syslog.facility", Self.facilities[min(priority >> 3, 23)])
        let header = cursor.isVersion1 ? modern(&cursor, &known) : traditional(&cursor, &known)
        known.yieldsTime = true
        try lines.line(
            cursor.rest, number: number, known: known,
            resource: resource(header.program, header.host))
    }

    private struct Header {
        var host = ""
        var program = ""
    }

    /// RFC 5424 §6: `1 TIME HOST APP PROCID MSGID DATA MESSAGE`.
    private mutating func modern(
        _ cursor: inout SyslogCursor, _ known: inout LogRecordFields
    ) -> Header {
        var header = Header()
        let start = cursor
        cursor.skip(2)
        if let time = cursor.word() { known.time = RFC3339.parse(time) }
        header.host = cursor.field()
        header.program = cursor.field()
        attribute("syslog.procid", cursor.field())
        attribute("syslog.msgid", cursor.field())
        guard cursor.structuredData({ name, value in pair(name, value, &known) }) else {
            // Not what it claims to be: kept whole.
            cursor = start
            lines.metadata.removeAll()
            return Header()
        }
        cursor.skipByteOrderMark()
        return header
    }

    /// RFC 3164 §4.1, or with a time as in RFC 3339, which rsyslog writes: `TIME HOST TAG[PID]: MESSAGE`.
    /// HAProxy leaves the host out.
    private mutating func traditional(
        _ cursor: inout SyslogCursor, _ known: inout LogRecordFields
    ) -> Header {
        var header = Header()
        if let time = cursor.first(15),
            let date = LogTimeText.bsd(time, receivedAt: receivedAt, utcOffset: options.utcOffset)
        {
            known.time = date
            cursor.skip(16)
        } else {
            var ahead = cursor
            guard let word = ahead.word(), let time = RFC3339.parse(word) else { return header }
            known.time = time
            cursor = ahead
        }
        var ahead = cursor
        guard var word = ahead.word() else { return header }
        if word.last != UInt8(ascii: ":") {
            header.host = String(decoding: word, as: UTF8.self)
            cursor = ahead
            guard let next = ahead.word(), next.last == UInt8(ascii: ":") else { return header }
            word = next
        }
        cursor = ahead
        var tag = UnsafeRawBufferPointer(rebasing: word.dropLast())
        if tag.last == UInt8(ascii: "]"), let open = tag.firstIndex(of: UInt8(ascii: "[")) {
            attribute(
                "syslog.procid", String(decoding: tag[(open + 1)..<(tag.count - 1)], as: UTF8.self))
            tag = UnsafeRawBufferPointer(rebasing: tag[..<open])
        }
        header.program = String(decoding: tag, as: UTF8.self)
        return header
    }

    private mutating func attribute(_ name: String, _ value: String) {
        guard !value.isEmpty else { return }
        let key = lines.batch.strings.intern(name)
        let text = lines.batch.strings.intern(value)
        lines.metadata.append(key: key, type: .string, payload: UInt64(text))
    }

    private mutating func pair(_ name: [UInt8], _ value: [UInt8], _ known: inout LogRecordFields) {
        name.withUnsafeBytes { name in
            value.withUnsafeBytes { lines.addMetadata(name, $0, &known) }
        }
    }

    /// - Complexity: O(1) after the first message of a program.
    private mutating func resource(_ program: String, _ host: String) -> UInt32 {
        let name = [program, host]
        if let known = resources[name] { return known }
        var attributes: [Attribute] = []
        if !program.isEmpty {
            attributes.append(Attribute(SemanticKey.serviceName, .string(program)))
        }
        if !host.isEmpty { attributes.append(Attribute("host.name", .string(host))) }
        let names = Set(attributes.map(\.key))
        let index = lines.batch.append(
            Resource(
                attributes: options.resource.filter { !names.contains($0.key) } + attributes))
        resources[name] = index
        return index
    }
}
