import Store
import Telemetry
import Testing

@Suite("exemplars over HTTP")
struct PrometheusExemplarTests {
    private func fill(_ store: MemoryStore) {
        var batch = MetricBatch()
        for job in ["web", "api"] {
            let series = batch.append(Labels(["__name__": "latency_bucket", "job": job]))
            for back in [0, 15] as [Int64] {
                batch.exemplars.append(
                    Exemplar(
                        series: series, time: (APIServer.now - back) * 1_000 + 250, value: 0.5,
                        labels: Labels(["trace_id": "t\(back)"])))
            }
        }
        store.append(metrics: batch, digest: nil) { _ in }
    }

    private func exemplar(_ back: Int64) -> String {
        #"{"labels":{"trace_id":"t\#(back)"},"value":"0.5","timestamp":\#(APIServer.now - back).250}"#
    }

    private func series(_ job: String, _ exemplars: String...) -> String {
        #"{"seriesLabels":{"__name__":"latency_bucket","job":"\#(job)"},"exemplars":["#
            + exemplars.joined(separator: ",") + "]}"
    }

    @Test("those of all series that an expression names, by series and time")
    func all() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let query =
                "histogram_quantile(0.9,%20rate(latency_bucket%5B5m%5D))%20%2B%20latency_bucket"
            let answer = try await server.get("/api/v1/query_exemplars?query=\(query)")
            #expect(
                answer.text == #"{"status":"success","data":["#
                    + series("api", exemplar(15), exemplar(0)) + ","
                    + series("web", exemplar(15), exemplar(0)) + "]}")
        }
    }

    @Test("narrowed by time and labels, also by a form")
    func narrowed() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.post(
                form: "query=latency_bucket{job=\"web\"}&start=\(APIServer.now - 5)"
                    + "&end=\(APIServer.now + 5)",
                to: "/api/v1/query_exemplars")
            #expect(
                answer.text
                    == #"{"status":"success","data":[\#(series("web", exemplar(0)))]}"#)
            let none = try await server.get("/api/v1/query_exemplars?query=other")
            #expect(none.text == #"{"status":"success","data":[]}"#)
            let literal = try await server.get("/api/v1/query_exemplars?query=1")
            #expect(literal.text == #"{"status":"success"}"#)
        }
    }

    @Test("mistakes are named")
    func mistakes() async throws {
        try await APIServer.run { server in
            for (query, message) in [
                ("query=up%28", "parse error"), ("", "no expression found"),
                ("query=up&start=2&end=1", "end timestamp must not be before start"),
            ] {
                let answer = try await server.get("/api/v1/query_exemplars?\(query)")
                #expect(answer.status == 400)
                #expect(answer.text.contains(message), "\(answer.text)")
            }
        }
    }
}
