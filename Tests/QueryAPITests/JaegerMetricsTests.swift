import HTTPServer
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("Jaeger's metrics of spans and quality of traces")
struct JaegerMetricsTests {
    private func get(
        _ path: String, fill: (MemoryStore) -> Void = { $0.fillShop() }
    ) async throws -> Answer {
        try await APIServer.run(filledBy: fill) { try await $0.get(path) }
    }

    private static let minute = "lookback=60000&step=30000&ratePer=60000"

    @Test("call rates count the server spans of the window before each step")
    func calls() async throws {
        let answer = try await get("/jaeger/api/metrics/calls?service=web&\(Self.minute)")
        let point = #"{"gaugeValue":{"doubleValue":0.016666666666666666},"timestamp":"#
        #expect(
            answer.text == """
                {"name":"service_call_rate","type":"GAUGE","help":"calls/sec, grouped by service",\
                "metrics":[{"labels":[{"name":"service_name","value":"web"}],"metricPoints":[\
                \(point)"2026-01-02T03:03:35Z"},\(point)"2026-01-02T03:04:05Z"}]}]}
                """)
    }

    @Test("error rates are shares of the calls, by operation if asked")
    func errors() async throws {
        let answer = try await get(
            "/api/metrics/errors?service=cart&service=web&groupByOperation=true&\(Self.minute)")
        #expect(answer.text.contains(#""name":"service_operation_error_rate""#))
        #expect(
            answer.text.contains(
                #"[{"name":"service_name","value":"cart"},{"name":"operation","value":"add"}]"#
                    + #","metricPoints":[{"gaugeValue":{"doubleValue":1.0}"#))
        #expect(answer.text.contains(#"{"name":"operation","value":"GET /"}"#))
        #expect(answer.text.contains(#""doubleValue":0.0}"#))
    }

    @Test(
        "latencies are quantiles in milliseconds, a bucket's width from the exact ones",
        arguments: [(0.5, 50.0), (0.95, 95.0), (1.0, 100.0), (0.0, 1.0)])
    func latencies(quantile: Double, exact: Double) async throws {
        let answer = try await get(
            "/api/metrics/latencies?service=s&quantile=\(quantile)&spanKind=client"
                + "&lookback=1000&step=1000&ratePer=120000"
        ) { store in
            store.addSpans { spans in
                let service = spans.resource("s")
                for index in UInt64(1)...100 {
                    spans.add(
                        trace: index, span: index, "x", resource: service, ago: 5,
                        milliseconds: Int64(index)
                    ) { $0.kind = .client }
                }
            }
        }
        let value = answer.text.split(separator: #""doubleValue":"#).last?.prefix { $0 != "}" }
        let found = try #require(value.flatMap { Double($0) })
        #expect(abs(found - exact) <= 0.07 * exact, "\(answer.text)")
    }

    @Test(
        "what is missing or wrong is said",
        arguments: [
            ("calls", "please provide at least one service name"),
            ("latencies?service=a", "unable to parse param 'quantile': it is required"),
            ("latencies?service=a&quantile=2", "unable to parse param 'quantile'"),
            ("calls?service=a&spanKind=x", "unsupported span kind: 'x'"),
            ("calls?service=a&step=1", "unable to parse param 'step'"),
            ("errors?service=a&groupByOperation=maybe", "'groupByOperation'"),
        ])
    func refusals(path: String, reason: String) async throws {
        let answer = try await get("/api/metrics/\(path)")
        #expect(answer.status == 400)
        #expect(answer.text.contains(reason), "\(answer.text)")
    }

    @Test("the quality of a service's traces is counted check by check, with examples")
    func quality() async throws {
        let answer = try await get("/jaeger/api/quality-metrics?service=shop&lookback=1") { store in
            store.addSpans { spans in
                let shop = spans.resource("shop", [Attribute("service.version", .string("1"))])
                let bank = spans.resource("bank")
                spans.add(trace: 1, span: 1, "root", resource: shop, ago: 30)
                spans.add(trace: 1, span: 2, parent: 1, "pay", resource: shop, ago: 29) {
                    $0.kind = .client
                }
                spans.add(trace: 1, span: 3, parent: 2, "pay", resource: bank, ago: 28)
                spans.add(trace: 1, span: 4, parent: 1, "get", resource: shop, ago: 29) {
                    $0.kind = .client
                    $0.attributes = [Attribute("db.system", .string("redis"))]
                }
                // Its parent is nowhere, nobody answers it, and its error says nothing.
                spans.add(trace: 2, span: 5, parent: 99, "lost", resource: shop, ago: 20) {
                    $0.kind = .client
                    $0.status = .error
                }
                // Earlier than its parent.
                spans.add(trace: 1, span: 6, parent: 1, "early", resource: shop, ago: 31)
            }
        }
        #expect(answer.status == 200)
        func counts(_ name: String) -> String {
            let metric = answer.text.split(separator: #"{"name":"\#(name)""#).last ?? ""
            func number(_ key: String) -> String {
                let parts = metric.split(separator: "\"\(key)\":", maxSplits: 1)
                return parts.count == 2 ? String(parts[1].prefix { $0.isNumber }) : "-"
            }
            return "\(number("passCount")) \(number("failureCount")) \(number("exemptionCount"))"
        }
        #expect(counts("Parent received") == "3 1 1")
        #expect(counts("Call answered by a span") == "1 1 3")
        #expect(counts("Starts after its parent") == "2 1 2")
        #expect(counts("Error explained") == "0 1 4")
        #expect(counts("Service version known") == "5 0 0")
        #expect(
            answer.text.contains(
                #""failureExamples":[{"traceID":"000000000000000a0000000000000002","#
                    + #""spanIDs":["0000000000000005"]}]"#))
        #expect(
            answer.text.contains(
                #"{"key":"timing","label":"Plausible times","max":100,"value":66}"#))
    }

    @Test("Tempo's overrides, diffs and context protocol are refused by name")
    func refused() async throws {
        let answer = try await get("/tempo/api/overrides")
        #expect(answer.status == 501 && answer.text.contains("overrides are not supported"))
        #expect(try await get("/tempo/api/mcp").status == 501)
    }
}
