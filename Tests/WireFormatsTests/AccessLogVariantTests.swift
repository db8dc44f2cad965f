import Telemetry
import Testing
import WireFormats

@Suite("variants of access-log formats")
struct AccessLogVariantTests {
    private static let receivedAt = RFC3339.parse("2026-03-05T00:00:00Z") ?? .zero

    private func record(
        _ line: String, _ options: LogLineOptions = LogLineOptions()
    ) throws -> (record: LogRecord, scope: String) {
        let batch = try LogLines.decode(
            Array(line.utf8), options: options, receivedAt: Self.receivedAt
        ).batch
        try #require(batch.count == 1)
        #expect(LogLine.string(batch, row: 0) == line)
        return (batch.record(at: 0), batch.scope(at: batch.scopeIndices[0]).name)
    }

    private func text(_ record: LogRecord, _ name: String) -> String? {
        record.attributes.first { $0.key == name }?.value.text
    }

    struct Variant: CustomTestStringConvertible, Sendable {
        var scope: String
        var line: String
        var time = "2026-03-04T05:06:07Z"
        var fields: [String: String]
        var testDescription: String { "\(scope): \(line.prefix(70))" }
    }

    static let variants = [
        Variant(
            scope: "combined",
            line:
                #"example.com:443 192.0.2.4 - - [04/Mar/2026:05:06:07 +0000] "GET / HTTP/1.1" 200 5 "-" "c/1""#,
            fields: [
                "authority": "example.com:443", "downstream_remote_address": "192.0.2.4",
                "user_agent": "c/1",
            ]),
        Variant(
            scope: "combined",
            line:
                #"192.0.2.4 - john doe [04/Mar/2026:05:06:07 +0000] "GET / HTTP/1.1" 200 5 "-" "c/1""#,
            fields: ["downstream_remote_address": "192.0.2.4", "user": "john doe"]),
        Variant(
            scope: "common",
            line: #"web-1 - - [04/Mar/2026:05:06:07 +0000] "GET / HTTP/1.1" 200 5"#,
            fields: ["downstream_remote_address": "web-1", "response_code": "200"]),
        Variant(
            scope: "common",
            line: #"localhost - - [04/Mar/2026:05:06:07 +0000] "GET / HTTP/1.1" 200 5"#,
            fields: ["downstream_remote_address": "localhost"]),
        Variant(
            scope: "envoy",
            line:
                #"[2026-03-04T05:06:07Z] "GET / HTTP/1.1" 200 - 0 1 2 - "-" "agent\" "req-1" "a" "b:1""#,
            fields: ["user_agent": #"agent\"#, "request_id": "req-1", "authority": "a"]),
        Variant(
            scope: "combined",
            line:
                #"192.0.2.4 - - [04/Mar/2026:05:06:07 +0000] "GET / HTTP/1.1" 200 5 "-" "a\\""#,
            fields: ["user_agent": #"a\\"#]),
        Variant(
            scope: "haproxy",
            line:
                #"Mar  4 05:06:08 lb haproxy[14389]: 10.0.1.2:33317 [04/Mar/2026:05:06:07.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1""#,
            time: "2026-03-04T05:06:07.655Z",
            fields: ["frontend": "http-in", "duration": "109", "path": "/index.html"]),
        Variant(
            scope: "haproxy",
            line:
                #"2026-03-04T05:06:08.1+00:00 lb haproxy[1]: 10.0.1.2:33317 [04/Mar/2026:05:06:07.655] http-in static/srv1 10/0/30/69/+109 200 +2750 - - ---- 1/1/1/1/0 0/0 "GET / HTTP/1.1""#,
            time: "2026-03-04T05:06:07.655Z",
            fields: ["duration": "109", "bytes_sent": "2750"]),
        Variant(
            scope: "haproxy",
            line:
                #"10.0.1.2:33317 [04/Mar/2026:05:06:07.655] fe be/s1 1/0/2/3/6 200 27 - - ---- 1/1/1/1/0 0/0 "GET / HTTP/2.0" 0/0000000000000000/0/0/0 www.ex.org/TLSv1.3/TLS_AES_256_GCM_SHA384"#,
            time: "2026-03-04T05:06:07.655Z",
            fields: [
                "requested_server_name": "www.ex.org", "tls_version": "TLSv1.3",
                "tls_cipher": "TLS_AES_256_GCM_SHA384", "path": "/",
            ]),
        Variant(
            scope: "haproxy",
            line: "10.0.1.2:33317 [04/Mar/2026:05:06:07.655] fe/1: SSL handshake failure",
            time: "2026-03-04T05:06:07.655Z",
            fields: [
                "frontend": "fe", "connection_termination_details": "SSL handshake failure",
            ]),
        Variant(
            scope: "haproxy",
            line:
                "Mar  4 05:06:07 lb haproxy[7]: Connect from 10.0.1.2:33312 to 10.0.3.31:8012 (www/HTTP)",
            fields: [
                "downstream_remote_address": "10.0.1.2:33312",
                "downstream_local_address": "10.0.3.31:8012", "frontend": "www",
            ]),
        Variant(
            scope: "alb",
            line:
                #"http 2026-03-04T05:06:08.000000Z app/lb-1/50dc 192.0.2.7:2817 10.2.2.2:80 0.001 0.0485 0.002 504 200 34 366 "- http://a.b:80- -" "-" - - arn:aws:tg/x "Root=1-80f198ee-56343ba864fe8b2a57d3eff7" "-" "-" 0 2026-03-04T05:06:07.000000Z "forward""#,
            fields: [
                "authority": "a.b:80", "upstream_response_code": "200", "duration": "51.5",
                "response_code": "504",
            ]),
        Variant(
            scope: "nginx",
            line:
                #"{"time_iso8601":"2026-03-04T05:06:07+00:00","remote_addr":"192.0.2.7","request":"GET /x HTTP/1.1","status":"200","upstream_response_time":"0.004, 0.010 : -"}"#,
            fields: ["upstream_service_time": "14"]),
        Variant(
            scope: "linkerd",
            line:
                #"{"client.addr":"10.6.6.6:1","host":"","method":"GET","status":200,"timestamp":"2026-03-04T05:06:07Z","total_ns":"1000000","trace_id":"a1b2c3d4-0000-4000-8000-000000000000","uri":"http://webapp:7000/a?b"}"#,
            fields: [
                "scheme": "http", "authority": "webapp:7000", "path": "/a?b",
                "request_id": "a1b2c3d4-0000-4000-8000-000000000000",
            ]),
        Variant(
            scope: "envoy",
            line:
                #"{"start_time":"2026-03-04T05:06:07Z",":authority":"gw","response_code":503,"response_flags":"UF,URX"}"#,
            fields: [
                "response_flags": "UF,URX",
                "response_flags_long": "UpstreamConnectionFailure,UpstreamRetryLimitExceeded",
            ]),
    ]

    @Test("variants are recognised and typed", arguments: variants)
    func variant(_ variant: Variant) throws {
        let (record, scope) = try record(variant.line)
        #expect(scope == variant.scope)
        #expect(record.time == RFC3339.parse(variant.time))
        for (name, value) in variant.fields { #expect(text(record, name) == value, "\(name)") }
        #expect(Set(record.attributes.map(\.key)).count == record.attributes.count)
    }

    @Test("an X-Ray root in Linkerd's trace id is the trace, and stays under its name")
    func linkerdXRay() throws {
        let (record, _) = try record(
            #"{"client.addr":"10.6.6.6:1","total_ns":"1","trace_id":"Root=1-80f198ee-56343ba864fe8b2a57d3eff7","uri":"/a"}"#
        )
        #expect(record.traceID.hex == "80f198ee56343ba864fe8b2a57d3eff7")
        #expect(text(record, "request_id") == nil)
    }

    @Test("a trace context among the headers that HAProxy captured joins its line")
    func captures() throws {
        let (record, _) = try record(
            "10.7.7.7:1 [04/Mar/2026:05:06:07.655] f b/s 10/0/30/69/109 200 27 - - ---- 1/1/1/1/0 0/0"
                + " {ex.org|00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01|}"
                + " \"GET / HTTP/1.1\"")
        #expect(record.traceID.hex == "80f198ee56343ba864fe8b2a57d3eff7")
        #expect(record.spanID.hex == "e457b5a2e4d86bd1" && BesideLine.plain(record.flags) == 1)
    }

    @Test(
        "logfmt may have keys without values, prose with pairs in it is none",
        arguments: [
            ("level=info user=frank password=hunter2 done", ["level", "user", "password"]),
            ("a=1 b=2 flag", ["a", "b"]), ("flag a=1 b=2", ["a", "b"]),
            ("connecting to host=a port=5 failed", []), ("one a=1", []), ("a=1 b=2 (odd)", []),
        ])
    func bareKeys(_ line: String, keys: [String]) throws {
        #expect(try record(line).record.attributes.map(\.key) == keys)
    }

    @Test("a configured date with a space in it moves no field")
    func spacedDate() throws {
        let format = try LineTemplate(
            name: "ours",
            envoyFormat: "%START_TIME(%d/%b/%Y:%T %z)% %REQ(X-Team)% %RESPONSE_CODE%"
                + " %CEL(size(request.headers))%")
        let options = LogLineOptions(formats: [format])
        let (record, scope) = try record("04/Mar/2026:06:06:07 +0100 red 503 12", options)
        #expect(scope == "ours")
        #expect(record.time == RFC3339.parse("2026-03-04T05:06:07Z"))
        #expect(text(record, "http.request.header.x-team") == "red")
        #expect(text(record, "response_code") == "503")
        #expect(text(record, "cel.size(request.headers)") == "12")
    }

    @Test("a configured format in the shape of JSON comes before JSON itself")
    func objectFormat() throws {
        let format = try LineTemplate(
            name: "ours", envoyFormat: #"{"t":"%START_TIME%","s":%RESPONSE_CODE%}"#)
        let options = LogLineOptions(formats: [format])
        let (record, scope) = try record(#"{"t":"2026-03-04T05:06:07Z","s":503}"#, options)
        #expect(scope == "ours" && record.attributes == [Attribute("response_code", .int(503))])
        let other = try self.record(#"{"t":"2026-03-04T05:06:07Z","s":503,"x":1}"#, options)
        #expect(other.scope.isEmpty && other.record.attributes.count == 3)
    }

    @Test(
        "a misspelt operator is refused with the one that was meant; one unheard of is a field",
        arguments: [
            ("%RESPONSE_COD% x", "RESPONSE_CODE"), ("%PROTOCOLL%", "PROTOCOL"),
            ("%REQQ(a)%", "REQ"), ("%UPSTREAM_CLUSTRE%", "UPSTREAM_CLUSTER"),
            ("%SOMETHING_OF_TOMORROW(x)%", nil), ("%KUMA_ZONE%", nil), ("%CEL(a)%", nil),
        ] as [(String, String?)])
    func misspelt(_ format: String, meant: String?) throws {
        guard let meant else {
            _ = try LineTemplate(name: "f", envoyFormat: format)
            return
        }
        let error = #expect(throws: LineTemplateError.self) {
            try LineTemplate(name: "f", envoyFormat: format)
        }
        #expect(error?.description.contains("%\(meant)% is") == true)
    }
}
