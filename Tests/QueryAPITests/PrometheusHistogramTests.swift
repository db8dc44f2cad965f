import Store
import Telemetry
import Testing

@Suite("Prometheus's API: histograms and trees")
struct PrometheusHistogramTests {
    private func fill(_ store: MemoryStore) {
        var histogram = NativeHistogram(schema: 0)
        histogram.count = 5
        histogram.sum = 6.5
        histogram.zeroThreshold = 0.25
        histogram.zeroCount = 1
        histogram.positiveSpans = [NativeHistogram.Span(offset: 1, length: 2)]
        histogram.positiveCounts = [2, 1]
        histogram.negativeSpans = [NativeHistogram.Span(offset: 0, length: 1)]
        histogram.negativeCounts = [1]
        var batch = MetricBatch()
        let series = batch.append(Labels(["__name__": "h"]))
        for back in [0, 15] {
            batch.histograms.append(
                HistogramSample(
                    series: series, time: (APIServer.now - Int64(back)) * 1_000,
                    histogram: histogram))
        }
        store.append(metrics: batch, digest: nil) { _ in }
    }

    private static let shown =
        #"{"count":"5","sum":"6.5","buckets":[[1,"-1","-0.5","1"],[3,"-0.25","0.25","1"],"#
        + #"[0,"1","2","2"],[0,"2","4","1"]]}"#

    @Test("an instant vector shows a histogram's buckets with their bounds")
    func instant() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v1/query?query=h&time=\(APIServer.now)")
            #expect(
                answer.text.contains(
                    #""metric":{"__name__":"h"},"histogram":[\#(APIServer.now),\#(Self.shown)]"#),
                "\(answer.text)")
        }
    }

    @Test("ranges show histograms beside values")
    func range() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let now = APIServer.now
            let answer = try await server.get(
                "/api/v1/query_range?query=h&start=\(now - 15)&end=\(now)&step=15")
            #expect(
                answer.text.contains(
                    #""histograms":[[\#(now - 15),\#(Self.shown)],[\#(now),\#(Self.shown)]]"#),
                "\(answer.text)")
            #expect(!answer.text.contains("\"values\""))
            let samples = try await server.get("/api/v1/query?query=h%5B1m%5D&time=\(now)")
            #expect(samples.text.contains(#""histograms":[[\#(now - 15),"#), "\(samples.text)")
        }
    }

    @Test("annotations tell the place in the query")
    func annotations() async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v1/query?query=max(h)&time=\(APIServer.now)")
            #expect(
                answer.text.contains(
                    #""infos":["PromQL info: ignored histogram in max aggregation (1:5)"]"#),
                "\(answer.text)")
        }
    }

    @Test("parse_query draws the tree of an expression")
    func tree() async throws {
        try await APIServer.run { server in
            let answer = try await server.get("/api/v1/parse_query?query=-x%7Ba%3D%22b%22%7D")
            #expect(
                answer.text
                    == #"{"status":"success","data":{"type":"unaryExpr","op":"-","expr":"#
                    + #"{"type":"vectorSelector","name":"x","matchers":"#
                    + #"[{"name":"a","value":"b","type":"="},"#
                    + #"{"name":"__name__","value":"x","type":"="}],"offset":0,"#
                    + #""offsetExpr":null,"timestamp":null,"startOrEnd":null,"#
                    + #""anchored":false,"smoothed":false}}}"#, "\(answer.text)")
            let binary = try await server.get(
                "/api/v1/parse_query?query=a+%2B+on(x)+group_left(y)+sum(b%5Bstep()*2:%5D+offset+1m)"
                    .replacing("sum(", with: "max_over_time("))
            #expect(binary.text.contains(#""card":"many-to-one","labels":["x"],"on":true"#))
            #expect(binary.text.contains(#""rangeExpr":{"type":"durationExpr","op":"*""#))
            #expect(binary.text.contains(#""offset":60000"#))
            #expect(try await server.get("/api/v1/parse_query?query=a+%2B").status == 400)
        }
    }

    @Test("federation shows the latest samples as text")
    func federation() async throws {
        try await APIServer.run(
            filledBy: { store in
                store.add(["__name__": "up", "job": "api"], 0, 1)
                store.add(["__name__": "up", "job": "web", "instance": "a\"b"], 0.5, 2)
                store.add(["__name__": "down"], 3)
                fill(store)
            }
        ) { server in
            let answer = try await server.get(
                "/federate?match%5B%5D=up&match%5B%5D=%7Bjob%3D%22api%22%7D")
            let time = APIServer.now * 1_000
            #expect(
                answer.text
                    == "# TYPE up untyped\nup{instance=\"a\\\"b\",job=\"web\"} 2 \(time)\n"
                    + "up{job=\"api\",instance=\"\"} 1 \(time)\n", "\(answer.text)")
            #expect(
                answer["content-type"]
                    == "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
            #expect(try await server.get("/federate?match%5B%5D=h").text.isEmpty)
            #expect(try await server.get("/federate?match%5B%5D=%7B").status == 400)
        }
    }

    @Test(
        "federated names are escaped as the client asks",
        arguments: [
            ("", "0.0.4", "underscores", "a_b_c{d_e=\"1\",instance=\"\"}"),
            (
                "text/plain;version=1.0.0;escaping=allow-utf-8", "1.0.0", "allow-utf-8",
                "{\"a.b_c\",\"d.e\"=\"1\",instance=\"\"}"
            ),
            (
                "text/plain;version=0.0.4;q=0.3,text/plain;version=1.0.0;escaping=dots;q=0.5",
                "1.0.0", "dots", "a_dot_b__c{d_dot_e=\"1\",instance=\"\"}"
            ),
            (
                "*/*,text/plain;escaping=values", "0.0.4", "values",
                "U__a_2e_b__c{U__d_2e_e=\"1\",instance=\"\"}"
            ),
        ])
    func escaping(accept: String, version: String, scheme: String, line: String) async throws {
        try await APIServer.run(
            filledBy: { $0.add(["__name__": "a.b_c", "d.e": "1"], 2) }
        ) { server in
            let answer = try await server.get(
                "/federate?match%5B%5D=%7B%22a.b_c%22%7D",
                headers: accept.isEmpty ? [:] : ["accept": accept])
            #expect(
                answer["content-type"]
                    == "text/plain; version=\(version); charset=utf-8; escaping=\(scheme)")
            #expect(answer.text.contains("\n\(line) 2 "), "\(answer.text)")
        }
    }
}
