import Store
import Telemetry
import Testing
import WireFormats

struct TempoTests {
    /// A query, percent-encoded.
    private func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let character = Character(Unicode.Scalar(byte))
            let isPlain = character.isLetter || character.isNumber || "._-".contains(character)
            if isPlain, byte < 0x80 { return String(character) }
            return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    private func answer(
        _ path: String, status: Int = 200, fill: (MemoryStore) -> Void = { $0.fillShop() }
    ) async throws -> String {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get(path)
            #expect(answer.status == status, "\(path): \(answer.text)")
            return answer.text
        }
    }

    @Test("a search answers in Tempo's shape, newest trace first")
    func search() async throws {
        let query = encoded("{ span.http.status_code = 503 } | select(resource.service.name)")
        let text = try await answer("/api/search?q=\(query)")
        let start = (APIServer.now - 30) * 1_000_000_000
        let spans = """
            {"spans":[{"spanID":"0000000000000003","name":"add",\
            "startTimeUnixNano":"\(start + 20_000_000)","durationNanos":"40000000",\
            "attributes":[{"key":"http.status_code","value":{"intValue":"503"}},\
            {"key":"service.name","value":{"stringValue":"cart"}}]}],"matched":1}
            """
        let expected = """
            {"traces":[{"traceID":"000000000000000a0000000000000001","rootServiceName":"web",\
            "rootTraceName":"GET /","startTimeUnixNano":"\(start)","durationMs":100,\
            "spanSet":\(spans),"spanSets":[\(spans)],\
            "serviceStats":{"cart":{"spanCount":1,"errorCount":1},"web":{"spanCount":2}}}],\
            "metrics":{"inspectedTraces":1,"inspectedSpans":"3","completedJobs":1,"totalJobs":1}}
            """
        #expect(text == expected)
    }

    @Test(
        "searches find what they ask for, under the prefix too",
        arguments: [
            ("q={}", 5), ("q={}&limit=2", 2), ("", 5), ("q={ status = error }", 1),
            ("q={ name = \"job\" }", 4), ("tags=service.name=web", 1),
            ("tags=service.name=batch name=job", 4), ("tags=http.status_code=503", 1),
            ("tags=\"host.name\"=h1", -1), ("tags=host.name=\"h1\"", 1), ("tags=error=yes", 0),
            ("minDuration=50ms", 1), ("q={}&maxDuration=3ms", 2),
            ("tags=service.name=BAT", 4), ("tags=name=o.", 0), ("service.name=batch", 4),
            ("service.name=batch&minDuration=4ms", 2),
            ("q={ kind = server } >> { kind = server }", 1),
            ("q={ } | count() > 2", 1),
        ] as [(String, Int)])
    func searches(parameters: String, count: Int) async throws {
        let query = parameters.split(separator: "&").map { part in
            let pair = part.split(separator: "=", maxSplits: 1)
            return "\(pair[0])=\(encoded(String(pair[1])))"
        }.joined(separator: "&")
        let text = try await answer("/tempo/api/search?\(query)", status: count < 0 ? 400 : 200)
        if count >= 0 {
            #expect(text.components(of: "\"traceID\"") == count, "\(parameters): \(text)")
        }
    }

    @Test("a time range bounds a search; its last second is part of it")
    func timeRange() async throws {
        let now = APIServer.now
        let one = try await answer("/api/search?start=\(now - 31)&end=\(now - 30)")
        #expect(one.components(of: "\"traceID\"") == 1)
        let jobs = try await answer("/api/search?start=\(now - 240)&end=\(now - 100)")
        #expect(jobs.components(of: "\"traceID\"") == 3)
    }

    @Test(
        "wrong requests are refused in one line of text",
        arguments: [
            ("/api/search?q={", "parse error at line 1, col 2: syntax error: unexpected $end\n"),
            ("/api/search?q={}&limit=0", "invalid limit: must be a positive number\n"),
            (
                "/api/search?q={}&tags=a=b",
                "invalid request: can't specify tags and q in the same query\n"
            ),
            ("/api/search?tags=a=b%20a=c", "invalid tags: tag a has been set twice\n"),
            (
                "/api/search?start=2&end=1",
                "http parameter start must be before end. received start=2 end=1\n"
            ),
            (
                "/api/search?minDuration=1",
                "invalid minDuration: \"1\" is not a duration such as 100ms\n"
            ),
            (
                "/api/metrics/query_range?q={}",
                "a query of series is needed here, and this one yields spans\n"
            ),
            (
                "/api/metrics/query_range?q={}|rate()&step=x",
                "invalid step: \"x\" is not a duration such as 15s\n"
            ),
            (
                "/api/v2/search/tag/nonsense/values",
                "tag name is not valid intrinsic or scoped attribute: nonsense\n"
            ),
            ("/api/search/tags?scope=x", "invalid scope: x\n"),
            (
                "/tempo/api/traces/xyz",
                "invalid trace ID \"xyz\": id has byte 0x78 at offset 0, expected a hexadecimal digit\n"
            ),
        ])
    func refusals(path: String, message: String) async throws {
        let path = path.replacing("{", with: "%7B").replacing("}", with: "%7D")
            .replacing("|", with: "%7C")
        #expect(try await answer(path, status: 400) == message)
    }

    @Test("names and values of attributes are listed")
    func tags() async throws {
        try await APIServer.run(filledBy: { $0.fillShop() }) { server in
            #expect(
                try await server.get("/api/search/tags").text
                    == #"{"tagNames":["host.name","http.status_code","service.name"]}"#)
            let scopes = try await server.get("/api/v2/search/tags").text
            #expect(
                scopes.hasPrefix(
                    #"{"scopes":[{"name":"resource","tags":["host.name","service.name"]},"#
                        + #"{"name":"span","tags":["http.status_code"]},{"name":"intrinsic","#))
            #expect(
                try await server.get("/api/v2/search/tags?scope=span").text
                    == #"{"scopes":[{"name":"span","tags":["http.status_code"]}]}"#)
            #expect(
                try await server.get("/api/search/tag/service.name/values").text
                    == #"{"tagValues":["batch","cart","web"]}"#)
            #expect(
                try await server.get("/api/v2/search/tag/span.http.status_code/values").text
                    == #"{"tagValues":[{"type":"int","value":"503"}]}"#)
            let filter = self.encoded("{ resource.service.name = \"web\" }")
            #expect(
                try await server.get("/api/v2/search/tag/name/values?q=\(filter)").text
                    == #"{"tagValues":[{"type":"string","value":"GET /"},"#
                    + #"{"type":"string","value":"call"}]}"#)
            #expect(
                try await server.get("/api/v2/search/tag/status/values").text
                    == #"{"tagValues":[{"type":"keyword","value":"unset"},"#
                    + #"{"type":"keyword","value":"ok"},{"type":"keyword","value":"error"}]}"#)
        }
    }

    @Test("a trace by its id comes as protobuf or JSON, in both forms")
    func traceByID() async throws {
        try await APIServer.run(filledBy: { $0.fillShop() }) { server in
            let id = "000000000000000a0000000000000001"
            let json = try await server.get("/tempo/api/traces/\(id)").text
            #expect(json.hasPrefix(#"{"batches":[{"resource":"#) && json.hasSuffix("]}"))
            #expect(json.components(of: "\"spanId\"") == 3)
            let enveloped = try await server.get("/api/v2/traces/\(id)").text
            #expect(enveloped.hasPrefix(#"{"trace":{"resourceSpans":[{"#))
            #expect(enveloped.hasSuffix(#"]},"status":"COMPLETE","message":""}"#))
            for path in ["/tempo/api/traces/\(id)", "/api/traces/\(id)"] {
                let answer = try await server.get(path, headers: ["accept": "application/protobuf"])
                #expect(answer["content-type"] == "application/protobuf")
                #expect(try OTLPTraces.decode(protobuf: answer.body).batch.count == 3)
            }
            let wrapped = try await server.get(
                "/api/v2/traces/\(id)", headers: ["accept": "application/protobuf"])
            // Field 1, length-delimited, holds the trace.
            #expect(wrapped.body.first == 0x0A)
            #expect(try await server.get("/tempo/api/traces/abc").status == 404)
            #expect(try await server.get("/api/traces/\(id)").text.hasPrefix(#"{"data":"#))
        }
    }

    @Test("metrics of spans come as series, and as one value each")
    func metrics() async throws {
        let end = APIServer.now
        let query = encoded("{ name = \"job\" } | count_over_time() by(resource.service.name)")
        // Jobs start two to five minutes ago.
        let range = try await answer(
            "/api/metrics/query_range?q=\(query)&start=\(end - 300)&end=\(end)&step=5m")
        let step: Int64 = 300
        let first = (end - 300) / step * step
        #expect(
            range.hasPrefix(
                #"{"series":[{"labels":[{"key":"resource.service.name","#
                    + #""value":{"stringValue":"batch"}}],"samples":["#
                    + #"{"timestampMs":"\#(first)000","value":"#))
        let instant = try await answer(
            "/tempo/api/metrics/query?q=\(query)&start=\(end - 600)&end=\(end)")
        #expect(instant.contains(#""value":4"#) && instant.contains(#""status":"COMPLETE""#))
    }

    @Test("what Grafana asks first is answered")
    func probes() async throws {
        #expect(try await answer("/tempo/api/echo") == "echo")
        #expect(try await answer("/api/echo") == "echo")
        #expect(try await answer("/tempo/ready") == "ready\n")
        #expect(
            try await answer("/api/status/buildinfo").hasPrefix(
                #"{"version":"1.2.3","revision":"abc","#))
    }

    @Test("no spans a set are asked for means the usual number")
    func spansPerSet() async throws {
        let text = try await answer("/api/search?q=\(encoded("{ name = \"GET /\" }"))&spss=0")
        #expect(text.components(of: "\"spanID\"") > 0, "\(text)")
    }

    @Test("lists of names and values are as long as asked for")
    func listLimits() async throws {
        let names = try await answer("/api/v2/search/tags?scope=resource&limit=1")
        #expect(names.contains(#""tags":["host.name"]"#), "\(names)")
        let values = try await answer("/api/v2/search/tag/resource.service.name/values?limit=2")
        #expect(values.components(of: "\"type\"") == 2, "\(values)")
    }

    @Test("a trace by id is filtered by a query, and says that it is a part")
    func filteredTrace() async throws {
        let path = "/api/v2/traces/000000000000000a0000000000000001"
        let part = try await answer("\(path)?q=\(encoded("{ name = \"add\" }"))")
        #expect(part.components(of: "\"spanId\"") == 1 && part.contains(#""name":"add""#))
        #expect(
            part.hasSuffix(
                #""status":"PARTIAL","message":"1 of 3 spans are what the query asks for"}"#),
            "\(part)")
        let all = try await answer("\(path)?q=\(encoded("{ }"))")
        #expect(all.hasSuffix(#""status":"COMPLETE","message":""}"#))
        _ = try await answer("\(path)?q=\(encoded("{"))", status: 400)
    }

    @Test(
        "ancestors and descendants of what a query yields come along as far as is asked for",
        arguments: [
            ("", 1), ("keep_hierarchy=true", 3), ("keep_hierarchy=true&ancestor_depth=1", 2),
            ("keep_hierarchy=true&ancestor_depth=0", 1), ("ancestor_depth=-7", 1),
            ("match_depth=1", 1), ("keep_hierarchy=maybe", -1), ("match_depth=-2", -1),
            ("keep_hierarchy=1&ancestor_depth=x", -1), ("match_depth=99999999999999999999", -1),
        ] as [(String, Int)])
    func surroundings(parameters: String, count: Int) async throws {
        let path = "/api/v2/traces/000000000000000a0000000000000001"
        let text = try await answer(
            "\(path)?q=\(encoded("{ name = \"add\" }"))&\(parameters)",
            status: count < 0 ? 400 : 200)
        guard count >= 0 else { return }
        #expect(text.components(of: "\"spanId\"") == count, "\(parameters): \(text)")
        // Without a query nothing of it is read.
        _ = try await answer("\(path)?\(parameters)")
        let below = try await answer("\(path)?q=\(encoded("{ name = \"GET /\" }"))&match_depth=-1")
        #expect(below.components(of: "\"spanId\"") == 3)
    }

    @Test("language models get traces and values in a short form")
    func modelForm() async throws {
        try await APIServer.run(filledBy: { $0.fillShop() }) { server in
            let accept: KeyValuePairs = ["accept": "application/vnd.grafana.llm"]
            let path = "/api/v2/traces/000000000000000a0000000000000001"
            let trace = try await server.get(path, headers: accept)
            #expect(trace.status == 200)
            #expect(trace["content-type"] == "application/vnd.grafana.llm+json")
            #expect(
                trace.text.hasPrefix(
                    #"{"trace":{"traceId":"000000000000000a0000000000000001","services":[{"#
                        + #""serviceName":"web","#), "\(trace.text)")
            #expect(trace.text.contains(#""http.status_code":503"#), "\(trace.text)")
            #expect(trace.text.contains(#""status":{"code":"STATUS_CODE_ERROR","message":"#))
            #expect(trace.text.hasSuffix(#""status":"COMPLETE"}"#))
            let part = try await server.get(
                path + "?q=" + encoded("{ name = \"add\" }"), headers: accept)
            #expect(part.text.components(of: "\"spanId\"") == 1)
            #expect(part.text.contains(#""status":"PARTIAL""#))
            let values = try await server.get(
                "/api/v2/search/tag/resource.service.name/values", headers: accept)
            #expect(
                values.text.hasPrefix(#"{"tagValues":{"string":["#), "\(values.text)")
        }
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
