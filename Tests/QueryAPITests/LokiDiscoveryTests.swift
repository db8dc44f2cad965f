import HTTPServer
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("Loki's API about what is there")
struct LokiDiscoveryTests {
    private static let shop = "query=%7Bservice_name%3D%22shop%22%7D"
    private static let now = APIServer.now

    /// Ten access lines a second apart, kept as fields, and two of text.
    private static func fill(_ store: MemoryStore) {
        var batch = LogBatch()
        let shop = batch.append(
            Resource(attributes: [
                Attribute("service.name", .string("shop")), Attribute("zone", .string("a")),
            ]))
        let cart = batch.append(
            Resource(attributes: [Attribute("service.name", .string("cart"))]))
        let scope = batch.append(Scope())
        for index in 0..<10 {
            let time = Timestamp(seconds: now - Int64(index) - 1)
            var record = LogRecord(time: time, observedTime: time)
            record.attributes = [
                Attribute("status", .int(index % 5 == 0 ? 500 : 200)),
                Attribute("took", .string("\(index)ms")),
            ]
            batch.append(record, resource: shop, scope: scope)
        }
        for line in ["user=ann ms=1.5", "user=bob ms=2"] {
            let time = Timestamp(seconds: now - 1)
            batch.append(
                LogRecord(time: time, observedTime: time, body: .string(line)), resource: cart,
                scope: scope)
        }
        store.append(logs: batch, digest: nil) { _ in }
    }

    private func get(
        _ path: String, headers: KeyValuePairs<String, String> = [:]
    ) async throws -> Answer {
        try await APIServer.run(filledBy: Self.fill) { try await $0.get(path, headers: headers) }
    }

    private static let answers: [(String, String)] = [
        (
            "/loki/api/v1/format_query?query=%7Ba%3D%60b%60%7D%7Cjson",
            #"{"status":"success","data":"{a=\"b\"} | json"}"#
        ),
        (
            "/loki/api/v1/index/stats?query=%7Bservice_name%3D%22cart%22%7D",
            #"{"streams":1,"chunks":1,"bytes":28,"entries":2}"#
        ),
        (
            "/loki/api/v1/detected_labels",
            #"{"detectedLabels":[{"label":"service_name","cardinality":2},{"label":"zone","cardinality":1}]}"#
        ),
        (
            "/loki/api/v1/detected_fields?query=%7Bservice_name%3D%22shop%22%7D",
            #"{"fields":[{"label":"status","type":"int","cardinality":2,"parsers":["json"]},{"label":"took","type":"duration","cardinality":10,"parsers":["json"]}],"limit":1000}"#
        ),
        (
            "/loki/api/v1/detected_fields?query=%7Bservice_name%3D%22cart%22%7D&limit=1",
            #"{"fields":[{"label":"ms","type":"float","cardinality":2,"parsers":["logfmt"]}],"limit":1}"#
        ),
        (
            "/loki/api/v1/detected_field/user/values?query=%7Bservice_name%3D%22cart%22%7D",
            #"{"values":["ann","bob"],"limit":1000}"#
        ),
        (
            "/loki/api/v1/patterns?query=%7Bservice_name%3D%22cart%22%7D&step=60",
            #"{"status":"success","data":[{"pattern":"user=ann <_>","samples":[[1767323040,1]]},{"pattern":"user=bob <_>","samples":[[1767323040,1]]}]}"#
        ),
        (
            "/api/sidelight/logs/hits?query=%7Bservice_name%3D%22shop%22%7D%7Cjson&field=status&start=1767323035&end=1767323045&step=5",
            #"{"hits":[{"labels":{"status":"200"},"timestamps":["1767323035000000000","1767323040000000000"],"values":[4,4],"total":8},{"labels":{"status":"500"},"timestamps":["1767323035000000000","1767323040000000000"],"values":[1,1],"total":2}]}"#
        ),
        (
            "/api/sidelight/logs/top?query=%7Bservice_name%3D%22shop%22%7D%7Cjson&field=status&limit=1",
            #"{"field":"status","total":10,"values":[{"value":"200","count":8}]}"#
        ),
        (
            "/api/sidelight/logs/facets?query=%7Bservice_name%3D%22cart%22%7D&limit=1",
            #"{"facets":[{"field":"ms","cardinality":2,"values":[{"value":"1.5","count":1}]},{"field":"user","cardinality":2,"values":[{"value":"ann","count":1}]}]}"#
        ),
    ]

    @Test(
        "each route answers in the shape that Grafana reads",
        arguments: LokiDiscoveryTests.answers)
    func shapes(path: String, expected: String) async throws {
        let answer = try await get(path)
        #expect(answer.status == 200)
        #expect(answer.text == expected)
    }

    @Test(
        "facets count each line once, whether the query parses it or not",
        arguments: ["", "%7Cjson"])
    func facetCounts(parser: String) async throws {
        let facets = try await get(
            "/api/sidelight/logs/facets?query=%7Bservice_name%3D%22shop%22%7D\(parser)"
        ).text
        #expect(
            facets.contains(
                #"{"field":"status","cardinality":2,"values":[{"value":"200","count":8},"#
                    + #"{"value":"500","count":2}]}"#), "\(facets)")
    }

    @Test("volumes are bytes by the labels asked for, the largest first")
    func volumes() async throws {
        let all = "query=%7Bservice_name%3D~%22.%2B%22%7D"
        let byService = try await get("/loki/api/v1/index/volume?\(all)").text
        #expect(
            byService.contains(
                #""resultType":"vector","result":[{"metric":{"service_name":"shop"},"value":[1767323045,"270"]},"#
                    + #"{"metric":{"service_name":"cart"},"value":[1767323045,"28"]}]"#),
            "\(byService)")
        let labels = try await get(
            "/loki/api/v1/index/volume?\(all)&aggregateBy=labels&targetLabels=zone"
        ).text
        #expect(labels.contains(#""result":[{"metric":{"zone":"a"},"value":[1767323045,"270"]}]"#))
        let steps = try await get(
            "/loki/api/v1/index/volume_range?\(all)&start=\(Self.now - 10)&end=\(Self.now)&step=5"
        ).text
        #expect(steps.contains(#""resultType":"matrix""#))
        #expect(steps.contains(#"[1767323035,"135"],[1767323040,"135"]"#), "\(steps)")
        let wrong = try await get("/loki/api/v1/index/volume?\(all)&aggregateBy=x")
        #expect(wrong.status == 400)
    }

    @Test("what parsers found comes apart from the stream's labels to clients that ask for it")
    func parsed() async throws {
        let query =
            "/loki/api/v1/query_range?\(Self.shop)%7Cjson%7Cstatus%3D500&limit=1"
        let answer = try await get(
            query, headers: ["X-Loki-Response-Encoding-Flags": "categorize-labels"])
        #expect(
            answer.text.contains(
                #"{"stream":{"service_name":"shop","zone":"a"},"values":[["1767323044000000000","#
                    + #""{\"status\":500,\"took\":\"0ms\"}",{"parsed":{"status":"500","took":"0ms"}}]]}"#
            ),
            "\(answer.text)")
        #expect(answer.text.contains(#""totalEntriesReturned":1"#))
        let merged = try await get(query).text
        #expect(merged.contains(#""stream":{"service_name":"shop","status":"500","took":"0ms""#))
    }

    @Test(
        "lines with different parsed labels are one stream, in the order asked for",
        arguments: ["backward", "forward"], ["", "&limit=7"])
    func order(direction: String, limit: String) async throws {
        let answer = try await get(
            "/loki/api/v1/query_range?\(Self.shop)%7Cjson&direction=\(direction)\(limit)",
            headers: ["X-Loki-Response-Encoding-Flags": "categorize-labels"])
        let times = answer.text.matches(of: /\["([0-9]{19})"/).compactMap { Int64($0.1) }
        let all = (1...10).map { (Self.now - $0) * 1_000_000_000 }
        let expected = direction == "backward" ? all : all.reversed()
        #expect(times == Array(expected.prefix(limit.isEmpty ? 10 : 7)))
        #expect(answer.text.matches(of: /"stream":/).count == 1)
    }

    @Test("lines of the answer can be an interval apart")
    func interval() async throws {
        let answer = try await get(
            "/loki/api/v1/query_range?\(Self.shop)&interval=4s&direction=forward&limit=2")
        #expect(answer.text.contains(#""totalEntriesReturned":2"#))
        #expect(answer.text.contains(#"["1767323035000000000""#))
        #expect(answer.text.contains(#"["1767323039000000000""#))
    }

    @Test("what is not there says so by name", arguments: ["query_range", "patterns"])
    func refusals(route: String) async throws {
        let answer = try await get("/loki/api/v1/\(route)?query=variants(1)")
        #expect(answer.status == 400)
        #expect(answer.text.contains("variants is not supported: Loki"), "\(answer.text)")
    }

    @Test(
        "routes of Loki's that are not there say so and why",
        arguments: ["delete", "cache/generation_numbers", "rules", "index/shards"])
    func missingRoutes(route: String) async throws {
        for path in ["/loki/api/v1/", "/loki/loki/api/v1/"] {
            let answer = try await get(path + route)
            #expect(answer.status == 501)
            #expect(
                answer.text.hasPrefix("/loki/api/v1/\(route) is not supported: "),
                "\(answer.text)")
        }
    }

    @Test("limits are told to the page that explores logs")
    func limits() async throws {
        let answer = try await get("/loki/api/v1/drilldown-limits")
        #expect(answer.text.contains(#""max_entries_limit_per_query":5000"#))
        #expect(try await get("/api/sidelight/logs/top?\(Self.shop)").status == 400)
    }
}
