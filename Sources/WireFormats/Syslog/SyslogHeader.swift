import Telemetry

/// The header of a line in a file that a syslog daemon writes: `TIME HOST TAG[PID]: MESSAGE`, with a time
/// as in RFC 3164 or RFC 3339.
enum SyslogHeader {
    /// The time of the header and the message behind it; `nil` for a line that has none.
    static func strip(
        _ line: UnsafeRawBufferPointer, receivedAt: Timestamp, utcOffset: Int
    ) -> (time: Timestamp, message: UnsafeRawBufferPointer)? {
        var cursor = SyslogCursor(text: line)
        let time: Timestamp
        if let text = cursor.first(16), text[15] == UInt8(ascii: " "),
            let date = LogTimeText.bsd(
                UnsafeRawBufferPointer(rebasing: text[..<15]), receivedAt: receivedAt,
                utcOffset: utcOffset)
        {
            time = date
            cursor.skip(16)
        } else {
            guard let word = cursor.word(), let date = RFC3339.parse(word) else { return nil }
            time = date
        }
        guard let host = cursor.word(), !host.isEmpty, let tag = cursor.word(), tag.count > 1,
            tag.last == UInt8(ascii: ":")
        else { return nil }
        return (time, cursor.rest)
    }
}
