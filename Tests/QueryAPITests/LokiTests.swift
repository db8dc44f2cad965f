import HTTPServer
import QueryAPI
import QueryCore
import Store
import Telemetry
import Testing

@Suite("Loki's API")
struct LokiTests {
    private static let web = "query=%7Bservice_name%3D%22web%22%7D"

    private func time(_ ago: Int64) -> String { #""\#(APIServer.now - ago)000000000""# }

    private func streams(_ result: String, flags: String = "") -> String {
        #"{"status":"success","data":{"resultType":"streams",\#(flags)"result":[\#(result)],"#
            + #""stats":{}}}"#
    }

    /// The answer without what its statistics say.
    private func plain(_ answer: Answer) -> String {
        answer.text.replacing(/"stats":\{"summary":\{[^}]*\}\}/, with: #""stats":{}"#)
    }

    private func get(
        _ path: String, headers: KeyValuePairs<String, String> = [:]
    ) async throws -> Answer {
        try await APIServer.run(filledBy: { $0.fillLogs() }) {
            try await $0.get(path, headers: headers)
        }
    }

    @Test("lines come newest first by stream, ids and severity as labels of the stream")
    func lines() async throws {
        let answer = try await get("/loki/api/v1/query_range?\(Self.web)&unknown=1")
        #expect(answer.status == 200)
        let labels = #""service_name":"web","severity_text":"INFO""#
        #expect(
            plain(answer)
                == streams(
                    #"{"stream":{\#(labels)},"values":[[\#(time(1)),"last"],[\#(time(4)),"first"]]},"#
                        + #"{"stream":{"service_name":"web","severity_text":"INFO","span_id":"0000000000000002","#
                        + #""trace_id":"00000000000000000000000000000007"},"#
                        + #""values":[[\#(time(2)),"traced two"]]},"#
                        + #"{"stream":{"service_name":"web","severity_text":"INFO","span_id":"0000000000000001","#
                        + #""trace_id":"00000000000000000000000000000007"},"#
                        + #""values":[[\#(time(3)),"traced \"one\""]]}"#))
    }

    @Test("clients that can read it get ids and severity as a third element")
    func categorized() async throws {
        let answer = try await get(
            "/loki/loki/api/v1/query_range?\(Self.web)&limit=2&direction=FORWARD",
            headers: ["X-Loki-Response-Encoding-Flags": "categorize-labels"])
        #expect(
            plain(answer)
                == streams(
                    #"{"stream":{"service_name":"web"},"values":[[\#(time(4)),"first","#
                        + #"{"structuredMetadata":{"severity_text":"INFO"}}],"#
                        + #"[\#(time(3)),"traced \"one\"",{"structuredMetadata":{"#
                        + #""severity_text":"INFO","span_id":"0000000000000001","#
                        + #""trace_id":"00000000000000000000000000000007"}}]]}"#,
                    flags: #""encodingFlags":["categorize-labels"],"#))
    }

    @Test("Grafana's test of a Loki data source succeeds")
    func health() async throws {
        let answer = try await get("/loki/api/v1/query?query=vector(1)%2Bvector(1)&time=5")
        #expect(
            plain(answer)
                == #"{"status":"success","data":{"resultType":"vector","result":"#
                + #"[{"metric":{},"value":[5,"2"]}],"stats":{}}}"#)
    }

    @Test("times may be nanoseconds, seconds, fractions, RFC 3339 or back from the end")
    func times() async throws {
        let now = APIServer.now
        let expected = try await get("/loki/api/v1/query_range?\(Self.web)&since=2s").text
        #expect(expected.contains("traced two"))
        #expect(!expected.contains("traced \\\"one"))
        let ways = [
            "start=\(now - 2)000000000&end=\(now)000000000", "start=\(now - 2)&end=\(now)",
            "start=\(now - 2).0&end=\(now).000",
            "start=2026-01-02T03:04:03Z&end=2026-01-02T03:04:05Z", "since=2&end=\(now)",
        ]
        for way in ways {
            let answer = try await get("/loki/api/v1/query_range?\(Self.web)&\(way)")
            #expect(answer.text == expected, "\(way)")
        }
    }

    @Test("labels, their values and series")
    func labels() async throws {
        let success = #"{"status":"success","data":"#
        #expect(
            try await get("/loki/api/v1/labels").text == success + #"["service_name"]}"#)
        #expect(try await get("/loki/api/v1/label").text == success + #"["service_name"]}"#)
        #expect(
            try await get("/loki/api/v1/label/service_name/values").text
                == success + #"["cart","web"]}"#)
        #expect(
            try await get(
                "/loki/api/v1/label/service_name/values?query=%7Bservice_name%3D~%22c.*%22%7D"
            )
            .text == success + #"["cart"]}"#)
        #expect(
            try await get("/loki/api/v1/labels?start=1&end=2").text == success + "[]}")
        try await APIServer.run(filledBy: { $0.fillLogs() }) { server in
            let answer = try await server.post(
                form: "match[]=%7Bservice_name%3D%22web%22%7D", to: "/loki/api/v1/series")
            #expect(answer.text == success + #"[{"service_name":"web"}]}"#)
        }
    }

    @Test(
        "errors are one line of text",
        arguments: [
            ("query_range?query=%7B", 400, "parse error at line 1, col "),
            ("query_range", 400, "parse error"),
            (
                "query_range?query=%7Ba%3D%22b%22%7D&limit=0", 400,
                "limit must be a positive value\n"
            ),
            (
                "query_range?query=%7Ba%3D%22b%22%7D&limit=5001", 400,
                "max entries limit per query exceeded, limit > max_entries_limit_per_query "
            ),
            ("query_range?query=%7Ba%3D%22b%22%7D&direction=up", 400, "invalid direction 'up'\n"),
            (
                "query_range?query=%7Ba%3D%22b%22%7D&start=x", 400,
                "cannot parse \"x\" to a valid time"
            ),
            (
                "query_range?query=%7Ba%3D%22b%22%7D&start=5&end=5", 400,
                "end timestamp must not be before or equal to start time\n"
            ),
            (
                "query_range?query=%7Ba%3D%22b%22%7D&step=0", 400,
                "zero or negative query resolution"
            ),
            ("query?query=%7Ba%3D%22b%22%7D", 400, "log queries are not supported as an instant "),
            ("series", 400, "0 matcher groups supplied\n"),
            ("series?match%5B%5D=x", 400, "parse error at line 1, col "),
            ("nothing", 404, "/loki/api/v1/nothing is not served here\n"),
        ])
    func errors(path: String, status: Int, message: String) async throws {
        let answer = try await get("/loki/api/v1/\(path)")
        #expect(answer.status == status)
        #expect(answer.text.hasPrefix(message), "\(answer.text)")
        #expect(answer["content-type"] == "text/plain; charset=utf-8")
    }

    @Test("a deadline that has passed is 504")
    func timeout() async throws {
        var setup = APIServer.Setup()
        setup.clock = TickingClock()
        setup.limits.duration = .milliseconds(1)
        try await APIServer.run(setup) { server in
            let answer = try await server.get("/loki/api/v1/query_range?\(Self.web)")
            #expect(answer.status == 504)
        }
    }

    @Test("readiness and version")
    func status() async throws {
        #expect(try await get("/ready").text == "ready\n")
        #expect(
            try await get("/loki/api/v1/status/buildinfo").text
                == #"{"version":"1.2.3","revision":"abc","branch":"","buildUser":"","#
                + #""buildDate":"","goVersion":""}"#)
    }

    @Test("lines can be counted, at an instant and over a range")
    func metrics() async throws {
        let count = "query=sum(count_over_time(%7Bservice_name%3D~%22.%2B%22%7D%5B1h%5D))"
        let instant = try await get("/loki/api/v1/query?\(count)")
        #expect(
            instant.text.hasPrefix(
                #"{"status":"success","data":{"resultType":"vector","result":["#
                    + #"{"metric":{},"value":[1767323045,"5"]}],"stats":{"summary":{"#))
        #expect(instant.text.contains(#""totalLinesProcessed":5"#))
        let range = try await get(
            "/loki/api/v1/query_range?\(count)&start=\(APIServer.now - 60)&end=\(APIServer.now)"
                + "&step=60")
        #expect(
            range.text.hasPrefix(
                #"{"status":"success","data":{"resultType":"matrix","result":["#
                    + #"{"metric":{},"values":[[1767323045,"5"]]}],"stats":{"summary":{"#))
    }
}
