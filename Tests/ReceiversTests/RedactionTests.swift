import Pipeline
import Telemetry
import Testing
import WireFormats

@Suite("redaction")
struct RedactionTests {
    private static let now = Timestamp(seconds: 1_800_000_000)

    private func run(_ lines: [String], _ rules: [String]) throws -> LogBatch {
        let batch = try LogLines.decode(
            Array(lines.joined(separator: "\n").utf8),
            options: LogLineOptions(labelFields: ["tenant"]), receivedAt: Self.now
        ).batch
        let rules = try rules.map { try RedactionRule($0) }
        return Pipeline(limits: IngestLimits(), redaction: rules).run(batch, at: Self.now).batch
    }

    private func lines(_ batch: LogBatch) -> [String] {
        (0..<batch.count).map { LogLine.string(batch, row: $0) }
    }

    @Test("fields are dropped, masked and hashed, also inside objects and labels; others stay")
    func fields() throws {
        let batch = try run(
            [
                #"{"user":"ann","card":4111,"o":{"user":"ann","k":[{"card":1}]},"tenant":"t1","n":1}"#,
                #"{"n":2}"#, "plain", #"{"user":"bob"}"#, #"{"user":"ann"}"#,
            ], ["hash:user", "drop:card", "mask:tenant"])
        let texts = lines(batch)
        #expect(texts[1] == #"{"n":2}"# && texts[2] == "plain")
        let hash = try #require(batch.record(at: 4).attributes.first?.value.text)
        #expect(hash.count == 32)
        #expect(texts[4] == "{\"user\":\"\(hash)\"}")
        #expect(texts[3] != texts[4] && !texts[3].contains("bob"))
        #expect(
            texts[0] == "{\"user\":\"\(hash)\",\"o\":{\"user\":\"\(hash)\",\"k\":[{}]},"
                + "\"tenant\":\"***\",\"n\":1}")
        #expect(
            batch.resource(at: batch.resourceIndices[0]).attributes == [
                Attribute("tenant", .string("***"))
            ])
    }

    @Test("a field's value goes from the line's text too")
    func text() throws {
        let line =
            #"192.0.2.7 - ann [04/Mar/2026:05:06:07 +0000] "GET /u/ann HTTP/1.1" 200 9 "-" "c""#
        let batch = try run([line], ["mask:user", "hash:downstream_remote_address"])
        try #require(batch.count == 1)
        #expect(
            lines(batch)[0]
                == #"*** - *** [04/Mar/2026:05:06:07 +0000] "GET /u/*** HTTP/1.1" 200 9 "-" "c""#)
        #expect(batch.record(at: 0).attributes.contains(Attribute("user", .string("***"))))
        #expect(batch.record(at: 0).attributes.contains(Attribute("response_code", .int(200))))
    }

    @Test(
        "what came beside a line stays apart from what was read out of it when some of it is dropped"
    )
    func besideLine() throws {
        let body =
            #"{"streams":[{"stream":{"app":"a"},"values":[["1800000000000000000","#
            + #""code=1 at=x",{"secret":"s","pod":"p"}]]}]}"#
        let batch = try LokiPush.decode(json: Array(body.utf8), receivedAt: Self.now).batch
        #expect(BesideLine.count(batch, row: 0) == 2)
        let rules = [try RedactionRule("drop:secret")]
        let redacted = Pipeline(limits: IngestLimits(), redaction: rules)
            .run(batch, at: Self.now).batch
        #expect(redacted.record(at: 0).attributes.map(\.key) == ["pod", "code", "at"])
        #expect(BesideLine.count(redacted, row: 0) == 1)
    }

    @Test(
        "the value behind a field's name goes from text that no format is recognised in",
        arguments: [
            ("level=info user=frank password=hunter2 done", "frank hunter2"),
            (#"{"user":"frank","password":"hunter2","msg":"tr"#, "frank hunter2"),
            (#"{"password":"hunt"#, "hunt"), (#"{"password": "a\"hunter2"#, "hunter2"),
            (#"{"msg":"got {\"password\":\"hunter2\"}","x"#, "hunter2"),
            ("GET /login?password=hunter2&x=1 failed", "hunter2"),
            ("password: hunter2, then", "hunter2"), ("x 'password': 'hunter2 y' z", "hunter2"),
            (#"oops {"password":{"k":["hunter2","}"]},"a":1"#, "hunter2"),
            (#"oops {"password":["hunter2""#, "hunter2"), ("password=", ""), ("password", ""),
        ])
    func unrecognised(_ line: String, secrets: String) throws {
        let batch = try run([line], ["drop:password", "hash:user"])
        let text = lines(batch)[0]
        for secret in secrets.split(separator: " ") {
            #expect(!text.contains(secret), "\(text)")
        }
        for id in 0..<batch.strings.count {
            #expect(!batch.strings[StringID(id)].contains("hunter2"))
        }
        for kept in ["msg", "done", "&x=1", ", then", "' z", "failed"] where line.contains(kept) {
            #expect(text.contains(kept), "\(text)")
        }
        #expect(!line.contains("=hunter2&") || text == "GET /login?password=***&x=1 failed")
    }

    @Test("names that are part of others name nothing")
    func similarNames() throws {
        let line = "the superuser=ann and user-agent=c of userland=x"
        #expect(lines(try run([line], ["drop:user"])) == [line])
    }

    @Test("a short value goes where it stands as a word, and hides nothing from a pattern")
    func shortValues() throws {
        let line =
            #"192.0.2.7 - x [04/Mar/2026:05:06:07 +0000] "GET /bob@example.com HTTP/1.1" 200 9 "x.org" "e""#
        let batch = try run([line], ["drop:user_agent", "mask:user", #"mask:/[a-z]+@[a-z.]+/"#])
        #expect(
            lines(batch)[0]
                == #"192.0.2.7 - *** [04/Mar/2026:05:06:07 +0000] "GET /*** HTTP/1.1" 200 9 "x.org" "***""#
        )
    }

    @Test("severity, event name and the attributes of the scope lose it too")
    func elsewhere() throws {
        var batch = LogBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(
            Scope(
                name: "s",
                attributes: [
                    Attribute("user", .string("ann")), Attribute("k", .string("1234")),
                ]))
        var record = LogRecord(time: Self.now, observedTime: Self.now, body: .string("b"))
        record.severityText = "ann"
        record.eventName = "of 1234"
        record.attributes = [Attribute("user", .string("ann"))]
        batch.append(record, resource: resource, scope: scope)
        let rules = try ["mask:user", "mask:/[0-9]{4}/"].map { try RedactionRule($0) }
        let result = Pipeline(limits: IngestLimits(), redaction: rules).run(batch, at: Self.now)
            .batch
        #expect(result.record(at: 0).severityText == "")
        #expect(result.record(at: 0).eventName == "of ***")
        #expect(
            result.scope(at: result.scopeIndices[0]).attributes == [
                Attribute("user", .string("***")), Attribute("k", .string("***")),
            ])
    }

    @Test("patterns are replaced wherever they match, in text, values and inside objects")
    func patterns() throws {
        let batch = try run(
            [
                "pay 4111111111111111 and 4222222222222222 now",
                #"{"a":["x 4111111111111111"],"b":2}"#,
            ],
            [#"mask:/\b\d{16}\b/"#])
        #expect(lines(batch) == ["pay *** and *** now", #"{"a":["x ***"],"b":2}"#])
    }

    /// Whether a text stands anywhere in a batch: in lines, fields or the table of texts.
    private func holds(_ batch: LogBatch, _ text: String) -> Bool {
        (0..<batch.strings.count).contains { batch.strings[StringID($0)].contains(text) }
            || lines(batch).contains { $0.contains(text) }
            || (0..<batch.count).contains { row in
                batch.record(at: row).attributes.contains { $0.value.text.contains(text) }
            }
    }

    @Test(
        "numbers are texts for patterns, in fields, arrays, objects and lines",
        arguments: [
            #"{"card":4111111111111111,"a":"x"}"#, #"{"o":{"card":[4111111111111111]},"a":"x"}"#,
            "card=4111111111111111 a=x", #"{"card":4111111111111111.0,"a":"x"}"#,
        ])
    func numbers(_ line: String) throws {
        let batch = try run([line, #"{"n":7}"#], [#"mask:/\d{16}/"#])
        #expect(!holds(batch, "4111111111111111"), "\(lines(batch))")
        #expect(lines(batch)[0].contains("***") && lines(batch)[0].contains("x"))
        #expect(lines(batch)[1] == #"{"n":7}"#)
    }

    @Test("what a line calls by the rule's name goes under the vocabulary's name, too")
    func vocabulary() throws {
        let line =
            #"{"remote_addr":"192.0.2.77","request_method":"GET","request_uri":"/a","status":200,"#
            + #""body_bytes_sent":5,"request_time":0.1,"http_user_agent":"curl","request":"GET /a HTTP/1.1"}"#
        let known = try run([line], [])
        #expect(
            known.record(at: 0).attributes.contains(
                Attribute("downstream_remote_address", .string("192.0.2.77"))))
        for rule in ["drop:remote_addr", "mask:remote_addr", "hash:remote_addr"] {
            let batch = try run([line], [rule])
            #expect(!holds(batch, "192.0.2.77"), "\(rule): \(lines(batch))")
            #expect(batch.record(at: 0).attributes.contains(Attribute("path", .string("/a"))))
        }
    }

    @Test("what stands behind a field's name goes from fields, too")
    func insideFields() throws {
        let batch = try run(
            [
                #"{"path":"/cb?token=SECRET3&x=1","code":200}"#,
                #"192.0.2.7 - - [04/Mar/2026:05:06:07 +0000] "GET /cb?token=SECRET3 HTTP/1.1" 200 9 "-" "c""#,
            ], ["drop:token"])
        #expect(!holds(batch, "SECRET3"), "\(lines(batch))")
        #expect(lines(batch)[0] == #"{"path":"/cb?token=***&x=1","code":200}"#)
    }

    @Test("escapes of JSON hide nothing")
    func escapes() throws {
        let line = #"{"password":"x","msg":"to bob\u0040example.com \u00e9","n":1}"#
        let batch = try run([line], [#"mask:/[a-z]+@example\.com/"#])
        #expect(!holds(batch, "example.com") && !holds(batch, "bob"), "\(lines(batch))")
        #expect(lines(batch)[0].contains("to *** é"))
        #expect(lines(try run([line], ["drop:absent"])) == [line])
    }

    @Test("names behind a full stop are names of records, not of resources")
    func parts() throws {
        var batch = LogBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute("service.name", .string("cart"))]))
        let scope = batch.append(Scope(name: "s"))
        var record = LogRecord(time: Self.now, observedTime: Self.now, body: .string("b"))
        record.attributes = [
            Attribute("kubernetes.password", .string("SECRET17")),
            Attribute("kubernetes.passwords", .string("kept")),
        ]
        batch.append(record, resource: resource, scope: scope)
        let rules = try ["drop:password", "drop:name"].map { try RedactionRule($0) }
        let result = Pipeline(limits: IngestLimits(), redaction: rules).run(batch, at: Self.now)
            .batch
        #expect(
            result.record(at: 0).attributes == [
                Attribute("kubernetes.passwords", .string("kept"))
            ])
        #expect(!holds(result, "SECRET17"))
        #expect(
            result.resource(at: result.resourceIndices[0]).attributes == [
                Attribute("service.name", .string("cart"))
            ])
    }

    @Test("what was taken out is nowhere in the batch")
    func strings() throws {
        let batch = try run(
            [#"{"user":"secret-1","m":"of secret-2"}"#, #"{"n":1}"#],
            ["drop:user", "hash:/secret-[0-9]/"])
        for id in 0..<batch.strings.count {
            #expect(!batch.strings[StringID(id)].contains("secret"))
        }
        #expect(batch.count == 2)
    }

    @Test("rows that no rule concerns are unchanged and in their order")
    func untouched() throws {
        let lines = (0..<200).map {
            "{\"n\":\($0),\"\($0 % 7 == 0 ? "user" : "other")\":\"u\($0)\"}"
        }
        let before = try run(lines, [])
        let after = try run(lines, ["drop:user"])
        try #require(after.count == 200)
        for row in 0..<200 where row % 7 != 0 {
            #expect(after.record(at: row) == before.record(at: row))
        }
        for row in stride(from: 0, to: 200, by: 7) {
            #expect(after.record(at: row).attributes == [Attribute("n", .int(Int64(row)))])
        }
    }

    @Test(
        "rules that say nothing are refused",
        arguments: ["", "user", "drop", "drop:", "erase:user", "mask:/", "mask:/[/", "mask://"])
    func refused(_ rule: String) {
        #expect(throws: RedactionRuleError.self) { try RedactionRule(rule) }
    }

    @Test("spans lose it too: from attributes, resource, events, links, name and status message")
    func spans() throws {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [
                Attribute("service.name", .string("shop")), Attribute("user", .string("ann")),
            ]))
        let plain = batch.append(Resource(attributes: [Attribute("k", .string("v"))]))
        let scope = batch.append(Scope(name: "s"))
        var span = SpanRecord(
            traceID: TraceID(high: 0, low: 1), spanID: SpanID(1),
            name: "GET /u/ann/4111222233334444",
            start: Self.now, duration: 5)
        span.statusMessage = "ann is unknown"
        span.attributes = [
            Attribute("user", .string("ann")), Attribute("n", .int(1)),
            Attribute("list", .array([.string("4111222233334444"), .int(2)])),
        ]
        span.events = [
            SpanEvent(
                time: Self.now, name: "login ann",
                attributes: [Attribute("user", .string("ann")), Attribute("x", .bool(true))])
        ]
        span.links = [
            SpanLink(
                traceID: TraceID(high: 0, low: 2), spanID: SpanID(2),
                attributes: [Attribute("user", .string("bob"))])
        ]
        var other = SpanRecord(
            traceID: TraceID(high: 0, low: 3), spanID: SpanID(3), name: "ann", start: Self.now,
            duration: 1)
        other.attributes = [Attribute("k", .string("v"))]
        batch.append(other, resource: plain, scope: scope)
        batch.append(span, resource: resource, scope: scope)
        let rules = try ["mask:user", "drop:/[0-9]{16}/"].map { try RedactionRule($0) }
        let result = Pipeline(limits: IngestLimits(), redaction: rules).run(batch, at: Self.now)
            .batch
        #expect(result.span(at: 0) == other)
        let redacted = result.span(at: 1)
        #expect(redacted.name == "GET /u/***/")
        #expect(redacted.statusMessage == "*** is unknown")
        #expect(
            redacted.attributes == [
                Attribute("user", .string("***")), Attribute("n", .int(1)),
                Attribute("list", .array([.string(""), .int(2)])),
            ])
        #expect(redacted.events.map(\.name) == ["login ***"])
        #expect(
            redacted.events.first?.attributes == [
                Attribute("user", .string("***")), Attribute("x", .bool(true)),
            ])
        #expect(redacted.links.first?.attributes == [Attribute("user", .string("***"))])
        #expect(
            result.resource(at: result.resourceIndices[1]).attributes.contains(
                Attribute("user", .string("***"))))
        for index in 0..<result.strings.count {
            let text = result.strings[StringID(truncatingIfNeeded: index)]
            #expect(!text.contains("4111222233334444") && (!text.contains("ann") || text == "ann"))
        }
    }
}
