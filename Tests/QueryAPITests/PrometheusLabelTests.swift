import Foundation
import HTTPServer
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("Prometheus labels, series, metadata and status over HTTP")
struct PrometheusLabelTests {
    private func fill(_ store: MemoryStore) {
        store.add(["__name__": "up", "job": "api", "zone": "a"], 1)
        store.add(["__name__": "up", "job": "web"], 1)
        store.add(["__name__": "down", "job": "db", "ünï": "x"], 1)
        var batch = MetricBatch()
        batch.metadata = [
            MetricMetadata(family: "up", type: .gauge, help: "Is it \"up\"?"),
            MetricMetadata(family: "down", type: .counter, help: "", unit: "s"),
        ]
        store.append(metrics: batch, digest: nil) { _ in }
    }

    private func expect(
        _ path: String, data: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get(path)
            #expect(
                answer.text == #"{"status":"success","data":\#(data)}"#,
                sourceLocation: sourceLocation)
        }
    }

    @Test("label names, of all series or of those that match")
    func names() async throws {
        try await expect("/api/v1/labels", data: #"["__name__","job","zone","ünï"]"#)
        try await expect(
            "/api/v1/labels?match%5B%5D=up&match%5B%5D=up%7Bzone%3D%22a%22%7D",
            data: #"["__name__","job","zone"]"#)
        try await expect("/api/v1/labels?start=0&end=1", data: "[]")
    }

    @Test("label values, also of names that need escaping in a path")
    func values() async throws {
        try await expect("/api/v1/label/job/values", data: #"["api","db","web"]"#)
        try await expect("/api/v1/label/job/values?match%5B%5D=up", data: #"["api","web"]"#)
        try await expect("/api/v1/label/%C3%BCn%C3%AF/values", data: #"["x"]"#)
        try await expect("/api/v1/label/U___fc_n_ef_/values", data: #"["x"]"#)
        try await expect("/api/v1/label/none/values", data: "[]")
    }

    @Test("a limit is told of as a warning")
    func limited() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v1/label/job/values?limit=2")
            #expect(
                answer.text == #"{"status":"success","data":["api","db"],"#
                    + #""warnings":["results truncated due to limit"]}"#)
        }
    }

    @Test("series are the union of what the selectors match, each once, GET or POST")
    func series() async throws {
        try await expect(
            "/api/v1/series?match%5B%5D=up&match%5B%5D=%7Bjob%3D~%22a.*%7Cdb%22%7D",
            data: #"[{"__name__":"down","job":"db","ünï":"x"},"#
                + #"{"__name__":"up","job":"api","zone":"a"},{"__name__":"up","job":"web"}]"#)
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.post(form: "match[]=down", to: "/api/v1/series")
            #expect(
                answer.text
                    == #"{"status":"success","data":[{"__name__":"down","job":"db","ünï":"x"}]}"#)
        }
    }

    @Test("metadata by family")
    func metadata() async throws {
        let up = #""up":[{"type":"gauge","help":"Is it \"up\"?","unit":""}]"#
        let down = #""down":[{"type":"counter","help":"","unit":"s"}]"#
        try await expect("/api/v1/metadata", data: "{\(down),\(up)}")
        try await expect("/api/v1/metadata?metric=up", data: "{\(up)}")
        try await expect("/api/v1/metadata?limit=1", data: "{\(down)}")
        try await expect("/api/v1/metadata?limit=0", data: "{}")
        try await expect("/api/v1/metadata?limit=-1&limit_per_metric=0", data: "{\(down),\(up)}")
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v1/metadata?limit_per_metric=x")
            #expect(answer.status == 400)
            #expect(answer.text.contains("limit_per_metric must be a number"))
        }
    }

    @Test("a range that ends before it starts holds nothing")
    func backwards() async throws {
        for path in ["labels", "label/job/values", "series"] {
            try await expect("/api/v1/\(path)?match%5B%5D=up&start=2&end=1", data: "[]")
        }
    }

    @Test("pages of other origins may read; a browser may ask first, without a token")
    func origins() async throws {
        var setup = APIServer.Setup()
        setup.tokens = TokenSet(["secret"])
        try await APIServer.run(setup) { server in
            let asked = try await server.send(
                "OPTIONS", "/api/v1/query", headers: ["origin": "http://pages.example"])
            #expect(asked.status == 204)
            #expect(asked["access-control-allow-origin"] == "*")
            #expect(asked["access-control-allow-methods"] == "GET, POST, OPTIONS")
            #expect(asked["access-control-allow-headers"]?.contains("Authorization") == true)
            let answer = try await server.get(
                "/prometheus/api/v1/labels",
                headers: ["origin": "http://pages.example", "authorization": "Bearer secret"])
            #expect(answer.status == 200)
            #expect(answer["access-control-allow-origin"] == "*")
            #expect(answer["access-control-expose-headers"] == "Date")
            let same = try await server.get(
                "/api/v1/labels", headers: ["authorization": "Bearer secret"])
            #expect(same["access-control-allow-origin"] == nil)
            #expect(same["vary"]?.contains("Origin") == true)
            let admin = try await server.send(
                "OPTIONS", "/api/v1/admin/tsdb/snapshot",
                headers: ["origin": "http://pages.example"])
            #expect(admin.status == 401 && admin["access-control-allow-origin"] == nil)
            let other = try await server.send("OPTIONS", "/-/healthy")
            #expect(other.status == 401 && other["access-control-allow-origin"] == nil)
        }
    }

    @Test("the server tells its version and times")
    func status() async throws {
        try await expect(
            "/api/v1/status/buildinfo",
            data: #"{"version":"1.2.3","revision":"abc","branch":"","buildUser":"","#
                + #""buildDate":"","goVersion":""}"#)
        try await expect(
            "/prometheus/api/v1/status/runtimeinfo",
            data: #"{"startTime":"2026-01-02T03:03:05Z","CWD":"/there","hostname":"here","#
                + #""serverTime":"2026-01-02T03:04:05Z","reloadConfigSuccess":true,"#
                + #""lastConfigTime":"2026-01-02T03:03:05Z","corruptionCount":0,"goroutineCount":0,"#
                + #""GOMAXPROCS":\#(ProcessInfo.processInfo.activeProcessorCount),"#
                + #""GOMEMLIMIT":9223372036854775807,"GOGC":"","GODEBUG":"","#
                + #""storageRetention":"30d"}"#)
    }

    @Test("the busiest names among recent series are counted")
    func headStatistics() async throws {
        try await expect(
            "/api/v1/status/tsdb?limit=1",
            data: #"{"headStats":{"numSeries":3,"numLabelPairs":7,"chunkCount":0,"#
                + #""minTime":1767315845000,"#
                + #""maxTime":1767323045000},"seriesCountByMetricName":[{"name":"up","value":2}],"#
                + #""labelValueCountByLabelName":[{"name":"job","value":3}],"#
                + #""memoryInBytesByLabelName":[{"name":"job","value":8}],"#
                + #""seriesCountByLabelValuePair":[{"name":"__name__=up","value":2}]}"#)
    }

    @Test("probes need no token, queries do")
    func probes() async throws {
        var setup = APIServer.Setup()
        setup.tokens = TokenSet(["secret"])
        try await APIServer.run(setup) { server in
            for path in ["/-/healthy", "/-/ready", "/prometheus/-/ready"] {
                #expect(try await server.get(path).status == 200)
            }
            let refused = try await server.get("/api/v1/labels")
            #expect(refused.status == 401)
            #expect(refused.text.hasPrefix(#"{"status":"error","errorType":"unauthorized""#))
            let allowed = try await server.get(
                "/api/v1/labels", headers: ["authorization": "Bearer secret"])
            #expect(allowed.status == 200)
        }
    }
}

@Suite("rules and alerts over HTTP")
struct RuleRouteTests {
    private struct FixedRules: RulesSource {
        func ruleGroups() -> [RuleGroupReport] {
            let now = Timestamp(seconds: APIServer.now)
            let alert = AlertReport(
                labels: Labels(["alertname": "Burn", "job": "api"]),
                annotations: [Attribute("summary", .string("a \"b\""))], isFiring: true,
                activeAt: now, value: 0.25)
            return [
                RuleGroupReport(
                    name: "slo", file: "slo.yml", interval: .seconds(15),
                    evaluationTime: .microseconds(1_500), lastEvaluation: now,
                    rules: [
                        RuleReport(
                            name: "Burn", query: "x > 1", labels: Labels(["severity": "page"]),
                            kind: .alerting(
                                hold: .seconds(60), keepFiring: .zero, annotations: [], [alert]),
                            health: .ok, lastEvaluation: now),
                        RuleReport(
                            name: "a:b", query: "sum(a)", kind: .recording, health: .err,
                            lastError: "no"),
                    ])
            ]
        }
    }

    private static let alert =
        #"{"labels":{"alertname":"Burn","job":"api"},"annotations":{"summary":"a \"b\""},"#
        + #""state":"firing","activeAt":"2026-01-02T03:04:05Z","value":"2.5e-01"}"#

    private func get(_ path: String) async throws -> String {
        var setup = APIServer.Setup()
        setup.rules = FixedRules()
        return try await APIServer.run(setup) { try await $0.get(path).text }
    }

    private func groups(rules: String) -> String {
        #"{"status":"success","data":{"groups":[{"name":"slo","file":"slo.yml","rules":[\#(rules)],"#
            + #""interval":15,"limit":0,"evaluationTime":0.0015,"#
            + #""lastEvaluation":"2026-01-02T03:04:05Z"}]}}"#
    }

    private func alerting(alerts: String) -> String {
        #"{"state":"firing","name":"Burn","query":"x > 1","duration":60,"keepFiringFor":0,"#
            + #""labels":{"severity":"page"},"annotations":{},"alerts":[\#(alerts)],"health":"ok","#
            + #""evaluationTime":0,"lastEvaluation":"2026-01-02T03:04:05Z","type":"alerting"}"#
    }

    private static let recording =
        #"{"name":"a:b","query":"sum(a)","health":"err","lastError":"no","evaluationTime":0,"#
        + #""lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}"#

    @Test("groups with their rules and alerts")
    func all() async throws {
        let rules = alerting(alerts: Self.alert) + "," + Self.recording
        #expect(try await get("/api/v1/rules") == groups(rules: rules))
    }

    @Test("rules are narrowed by type, name, group and file")
    func filters() async throws {
        #expect(try await get("/api/v1/rules?type=record") == groups(rules: Self.recording))
        #expect(
            try await get("/api/v1/rules?type=alert&exclude_alerts=true")
                == groups(rules: alerting(alerts: "")))
        #expect(
            try await get(
                "/api/v1/rules?rule_name%5B%5D=a:b&rule_group%5B%5D=slo&file%5B%5D=slo.yml")
                == groups(rules: Self.recording))
        let nothing = #"{"status":"success","data":{"groups":[]}}"#
        #expect(try await get("/api/v1/rules?rule_group%5B%5D=other") == nothing)
        #expect(try await get("/api/v1/rules?rule_name%5B%5D=other") == nothing)
    }

    @Test("rules are narrowed by selectors of their labels")
    func selectors() async throws {
        let nothing = #"{"status":"success","data":{"groups":[]}}"#
        #expect(
            try await get(
                "/api/v1/rules?exclude_alerts=true&match%5B%5D=%7Bseverity%3D%22page%22%7D")
                == groups(rules: alerting(alerts: "")))
        #expect(try await get("/api/v1/rules?match%5B%5D=%7Bseverity%3D%22no%22%7D") == nothing)
        #expect(
            try await get("/api/v1/rules?match%5B%5D=%7Bseverity").contains("bad_data"))
        #expect(try await get("/api/v1/rules?exclude_alerts=perhaps").contains("bad_data"))
    }

    @Test("groups are shown page by page")
    func pages() async throws {
        struct ThreeGroups: RulesSource {
            func ruleGroups() -> [RuleGroupReport] {
                ["a", "b", "c"].map {
                    RuleGroupReport(name: $0, file: "f", interval: .seconds(1))
                }
            }
        }
        var setup = APIServer.Setup()
        setup.rules = ThreeGroups()
        try await APIServer.run(setup) { server in
            let first = try await server.get("/api/v1/rules?group_limit=2").text
            #expect(first.contains(#""name":"b""#) && !first.contains(#""name":"c""#))
            let token = try #require(
                first.firstMatch(of: #/"groupNextToken":"([0-9a-f]+)"/#)?.output.1)
            let second = try await server.get(
                "/api/v1/rules?group_limit=2&group_next_token=\(token)"
            ).text
            #expect(second.contains(#""name":"c""#) && !second.contains(#""name":"b""#))
            #expect(!second.contains("groupNextToken"))
            for path in ["group_limit=0", "group_limit=x", "group_next_token=1"] {
                #expect(try await server.get("/api/v1/rules?\(path)").status == 400)
            }
        }
    }

    @Test("alerts of all groups")
    func alerts() async throws {
        #expect(
            try await get("/api/v1/alerts")
                == #"{"status":"success","data":{"alerts":[\#(Self.alert)]}}"#)
    }

    @Test("without rules both lists are empty")
    func none() async throws {
        try await APIServer.run { server in
            let rules = try await server.get("/api/v1/rules").text
            #expect(rules == #"{"status":"success","data":{"groups":[]}}"#)
            let alerts = try await server.get("/api/v1/alerts").text
            #expect(alerts == #"{"status":"success","data":{"alerts":[]}}"#)
        }
    }
}
