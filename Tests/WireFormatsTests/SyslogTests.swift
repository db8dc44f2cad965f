import Telemetry
import Testing
import WireFormats

@Suite("syslog")
struct SyslogTests {
    /// 2026-03-04T05:06:07Z.
    private static let receivedAt = Timestamp(seconds: 1_772_600_767)

    private func decode(
        _ message: String, utcOffset: Int = 0
    ) throws -> (record: LogRecord, resource: [Attribute]) {
        var decoder = SyslogDecoder(
            bodyBytes: message.utf8.count, options: LogLineOptions(utcOffset: utcOffset),
            receivedAt: Self.receivedAt)
        try Array(message.utf8).decoded { (bytes) throws(DecodeError) in
            try decoder.message(bytes)
        }
        let batch = decoder.finish().batch
        try #require(batch.count == 1)
        return (batch.record(at: 0), batch.resource(at: batch.resourceIndices[0]).attributes)
    }

    @Test("RFC 5424: header, structured data and message")
    func modern() throws {
        let (record, resource) = try decode(
            "<165>1 2026-03-04T05:06:06.003Z web-1 shop 1234 ID47 "
                + #"[ex@1 trace_id="0123456789abcdef0123456789abcdef" q="a\"\]b"][o@2] "#
                + "\u{FEFF}took=5 ok=yes\n")
        #expect(record.time == RFC3339.parse("2026-03-04T05:06:06.003Z"))
        #expect(record.severityText == "notice" && record.severityNumber == 10)
        #expect(record.body == .string("took=5 ok=yes"))
        #expect(
            record.attributes == [
                Attribute("syslog.facility", .string("local4")),
                Attribute("syslog.procid", .string("1234")),
                Attribute("syslog.msgid", .string("ID47")),
                Attribute("ex@1.trace_id", .string("0123456789abcdef0123456789abcdef")),
                Attribute("ex@1.q", .string("a\"]b")), Attribute("took", .int(5)),
                Attribute("ok", .string("yes")),
            ])
        #expect(
            resource == [
                Attribute("service.name", .string("shop")),
                Attribute("host.name", .string("web-1")),
            ])
    }

    @Test("RFC 5424 with nothing but a time")
    func nils() throws {
        let (record, resource) = try decode("<0>1 - - - - - -")
        #expect(record.time == Self.receivedAt)
        #expect(record.severityNumber == 21)
        #expect(record.body == .string(""))
        #expect(resource.isEmpty)
    }

    @Test("RFC 3164 as nginx writes it, with an access log inside")
    func nginx() throws {
        let (record, resource) = try decode(
            "<190>Mar  4 06:06:05 web-1 nginx: 192.0.2.7 - - [04/Mar/2026:05:06:05 +0000] "
                + #""GET / HTTP/1.1" 200 9 "-" "curl/8""#, utcOffset: 3_600)
        #expect(record.time == RFC3339.parse("2026-03-04T05:06:05Z"))
        #expect(record.severityText == "info")
        #expect(record.attributes.contains(Attribute("response_code", .int(200))))
        #expect(record.attributes.contains(Attribute("syslog.facility", .string("local7"))))
        #expect(
            resource == [
                Attribute("service.name", .string("nginx")),
                Attribute("host.name", .string("web-1")),
            ])
    }

    @Test("RFC 3164 without a host, as HAProxy writes it")
    func haproxy() throws {
        let (record, resource) = try decode(
            "<134>Mar  4 05:06:05 haproxy[42]: 10.7.7.7:33317 [04/Mar/2026:05:06:05.655] fnt "
                + "bck/srv1 0/1/5007 212 -- 0/0/0/0/3 0/0")
        #expect(record.time == RFC3339.parse("2026-03-04T05:06:05.655Z"))
        #expect(record.attributes.contains(Attribute("syslog.procid", .string("42"))))
        #expect(record.attributes.contains(Attribute("duration", .int(5_007))))
        #expect(resource == [Attribute("service.name", .string("haproxy"))])
    }

    @Test("a date without a year is the one nearest before tomorrow")
    func years() throws {
        let (record, _) = try decode("<13>Dec 31 23:59:59 h a: x")
        #expect(record.time == RFC3339.parse("2025-12-31T23:59:59Z"))
        let (next, _) = try decode("<13>Mar  5 05:00:00 h a: x")
        #expect(next.time == RFC3339.parse("2026-03-05T05:00:00Z"))
    }

    @Test(
        "what has no header, or a broken one, is kept as a line",
        arguments: [
            "no header", "<>1 x", "<999>1 - - - - - -", "<13", "<13>", "<13>1 - - - - x",
            "<13>1 2026-03-04T05:06:07Z h a - - [x", "<13>Mar 44 05:06:07 h a: x", "<13>x",
        ])
    func headless(_ message: String) throws {
        let (record, _) = try decode(message)
        #expect(record.time == Self.receivedAt)
        let body = record.body.text
        #expect(message.hasSuffix(body))
        #expect(message.hasPrefix("<13>") || body == message)
    }
}
