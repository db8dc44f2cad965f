import QueryAPI
import Store
import Telemetry
import Testing

@Suite("Prometheus's search routes")
struct PrometheusSearchTests {
    private func fill(_ store: MemoryStore) {
        for name in ["http_requests_total", "http_errors_total", "grpc_requests_total", "up"] {
            store.add(["__name__": "\(name)", "job": "api", "zone": "Ä"], 1)
        }
        store.add(["__name__": "up", "job": "web"], 1)
        var batch = MetricBatch()
        batch.metadata = [MetricMetadata(family: "up", type: .gauge, help: "Is it?")]
        store.append(metrics: batch, digest: nil) { _ in }
    }

    private func lines(_ path: String) async throws -> [String] {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v1/search/\(path)")
            #expect(answer.status == 200)
            #expect(answer["content-type"] == "application/x-ndjson; charset=utf-8")
            return answer.text.split(separator: "\n").map(String.init)
        }
    }

    private static let end = #"{"status":"success","has_more":false}"#

    @Test("without a term all names are there, in batches, until the limit")
    func all() async throws {
        #expect(
            try await lines("metric_names?batch_size=3") == [
                #"{"results":[{"name":"grpc_requests_total"},{"name":"http_errors_total"},"#
                    + #"{"name":"http_requests_total"}]}"#,
                #"{"results":[{"name":"up"}]}"#, Self.end,
            ])
        #expect(
            try await lines("metric_names?limit=1&sort_by=alpha&sort_dir=dsc&include_metadata=true")
                == [
                    #"{"results":[{"name":"up","type":"gauge","help":"Is it?"}]}"#,
                    #"{"status":"success","has_more":true}"#,
                ])
        #expect(
            try await lines("label_names?match%5B%5D=up%7Bjob%3D%22web%22%7D")
                == [#"{"results":[{"name":"__name__"},{"name":"job"}]}"#, Self.end])
        #expect(
            try await lines("label_values?label=job&start=1&end=2") == [
                #"{"results":[]}"#, Self.end,
            ])
    }

    @Test("a term finds what has its characters in their order, best first if asked")
    func terms() async throws {
        #expect(
            try await lines("metric_names?search%5B%5D=htot&sort_by=score&include_score=1").first
                .map { $0.contains(#""http_errors_total""#) && !$0.contains("grpc") } == true)
        #expect(
            try await lines("metric_names?search%5B%5D=requests&sort_by=score") == [
                #"{"results":[{"name":"grpc_requests_total"},{"name":"http_requests_total"}]}"#,
                Self.end,
            ])
        #expect(
            try await lines("metric_names?search%5B%5D=http_re&include_score=true") == [
                #"{"results":[{"name":"http_requests_total","score":1.0}]}"#, Self.end,
            ])
        #expect(
            try await lines("label_values?label=zone&search%5B%5D=%C3%A4&case_sensitive=false")
                == [#"{"results":[{"value":"Ä"}]}"#, Self.end])
        #expect(
            try await lines("metric_names?search%5B%5D=htpt&fuzz_threshold=99")
                == [#"{"results":[]}"#, Self.end])
        #expect(
            try await lines(
                "label_values?label=job&fuzz_alg=jarowinkler&search%5B%5D=wbe&fuzz_threshold=50")
                == [#"{"results":[{"value":"web"}]}"#, Self.end])
    }

    @Test("what is likened is rated as Prometheus rates it")
    func scores() {
        func scalars(_ text: String) -> [Unicode.Scalar] { Array(text.unicodeScalars) }
        func near(_ a: Double?, _ b: Double) -> Bool { a.map { abs($0 - b) < 1e-12 } ?? false }
        // Runs of one and three characters, a gap of four of eight, two behind at half weight.
        #expect(
            near(
                NameSimilarity.subsequence(scalars("atot"), in: scalars("a_x_tot_")),
                (1.0 + 9 - 3.0 / 8 - 1.0 / 16) / 16 * 0.999))
        #expect(NameSimilarity.subsequence(scalars("abc"), in: scalars("acb")) == 0)
        #expect(NameSimilarity.subsequence(scalars("abc"), in: scalars("abc")) == 1)
        #expect(NameSimilarity.subsequence(scalars("abc"), in: scalars("ab")) == 0)
        #expect(near(NameSimilarity.substring(scalars("b"), in: scalars("abc")), 0.55))
        #expect(NameSimilarity.substring(scalars("x"), in: scalars("abc")) == nil)
        // Winkler's own examples.
        #expect(
            abs(NameSimilarity.jaroWinkler(scalars("MARTHA"), scalars("MARHTA")) - 0.961_111) < 1e-6
        )
        #expect(
            abs(NameSimilarity.jaroWinkler(scalars("DWAYNE"), scalars("DUANE")) - 0.84) < 1e-9)
        #expect(NameSimilarity.jaroWinkler(scalars("a"), scalars("b")) == 0)
        #expect(NameSimilarity.jaroWinkler(scalars(""), scalars("b")) == 0)
    }

    @Test(
        "mistakes are named",
        arguments: [
            ("label_values", #"missing required parameter \"label\""#),
            ("metric_names?limit=0", #"invalid limit \"0\": must be a positive integer"#),
            ("metric_names?limit=10001", "limit 10001 exceeds the maximum (10000)"),
            ("metric_names?batch_size=x", #"invalid batch_size \"x\""#),
            ("metric_names?sort_by=size", #"invalid sort_by \"size\" for metric_names"#),
            ("metric_names?sort_by=score", "sort_by=score requires search[] to be set"),
            ("metric_names?sort_dir=asc", "sort_dir is only valid when sort_by is set"),
            ("metric_names?sort_by=alpha&sort_dir=up", #"invalid sort_dir \"up\""#),
            ("metric_names?fuzz_alg=x", "must be one of [subsequence jarowinkler]"),
            ("metric_names?fuzz_threshold=101", "must be 0-100"),
            ("metric_names?include_score=2", #"invalid include_score \"2\": must be boolean"#),
            ("metric_names?start=2&end=1", "end timestamp must not be before start timestamp"),
            ("metric_names?match%5B%5D=up%7B", "1:4: parse error"),
        ])
    func mistakes(path: String, message: String) async throws {
        try await APIServer.run(filledBy: fill) { server in
            let answer = try await server.get("/api/v1/search/\(path)")
            #expect(answer.status == 400)
            #expect(answer.text.contains(#""errorType":"bad_data""#))
            #expect(answer.text.contains(message), "\(answer.text)")
        }
    }
}
