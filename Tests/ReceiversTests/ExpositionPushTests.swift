import HTTPServer
import NIOHTTP1
import Receivers
import Telemetry
import Testing

@Suite("Pushed expositions")
struct ExpositionPushTests {
    private func stored(_ bed: TestBed) -> [String] {
        bed.store.metrics.flatMap { batch in
            batch.sampleTimes.indices.map { row in
                "\(batch.labels(Int(batch.sampleSeries[row]))) \(batch.sampleValues[row])"
                    + " @\(batch.sampleTimes[row] - TestBed.now.milliseconds)"
            }
        }
    }

    private func post(_ bed: TestBed, _ path: String, _ text: String) async throws -> Answer {
        try await bed.withHTTP { server in try await server.post(path, Array(text.utf8)) }
    }

    @Test("lines are imported with extra labels, at their time or that of the request")
    func imports() async throws {
        let bed = TestBed()
        let time = TestBed.now.milliseconds
        let answer = try await post(
            bed, "/api/v1/import/prometheus?extra_label=job=a&extra_label=zone%3Dz",
            "a{job=\"x\"} 1\nb 2 \(time - 5_000)\n")
        #expect(answer.status == 204)
        let later = try await post(
            bed, "/api/v1/import/prometheus?timestamp=\(time - 7_000)", "c 3\n")
        #expect(later.status == 204)
        #expect(
            stored(bed) == [
                "a{job=\"a\", zone=\"z\"} 1.0 @0", "b{job=\"a\", zone=\"z\"} 2.0 @-5000",
                "c 3.0 @-7000",
            ])
    }

    @Test("bad lines of an import are told, the others stored")
    func importsPart() async throws {
        let bed = TestBed()
        let answer = try await post(bed, "/api/v1/import/prometheus", "a 1\nb x\nc 3\n")
        #expect(answer.status == 400)
        #expect(answer.text.hasPrefix("2 samples stored, 1 lines or samples rejected"))
        #expect(answer.text.contains("line 2"))
        #expect(stored(bed).count == 2)
    }

    @Test(
        "parameters that cannot be are 400",
        arguments: ["timestamp=soon", "extra_label=job", "extra_label=%3Dx"])
    func badParameters(query: String) async throws {
        let bed = TestBed()
        let answer = try await post(bed, "/api/v1/import/prometheus?\(query)", "a 1\n")
        #expect(answer.status == 400)
        #expect(bed.store.appendCount == 0)
    }

    @Test("a push to a group gets the labels of its path")
    func pushes() async throws {
        let bed = TestBed()
        let answer = try await post(
            bed, "/metrics/job/some%20job/path@base64/L3Zhci90bXA/empty@base64/=/x/a%2Fb",
            "# TYPE a gauge\na{x=\"1\"} 1\n")
        #expect(answer.status == 200)
        let time = TestBed.now.seconds
        #expect(
            stored(bed) == [
                "a{job=\"some job\", path=\"/var/tmp\", x=\"a/b\"} 1.0 @0",
                "push_time_seconds{job=\"some job\", path=\"/var/tmp\", x=\"a/b\"} \(time) @0",
                "push_failure_time_seconds{job=\"some job\", path=\"/var/tmp\", x=\"a/b\"} 0.0 @0",
            ])
    }

    /// What is stored last of each series, without the times of the groups; stale markers as "end".
    private func last(_ bed: TestBed) -> Set<String> {
        var last: [String: String] = [:]
        for batch in bed.store.metrics {
            for row in batch.sampleTimes.indices {
                let labels = "\(batch.labels(Int(batch.sampleSeries[row])))"
                let value = batch.sampleValues[row]
                last[labels] =
                    value.bitPattern == Sample.staleMarker.bitPattern ? "end" : "\(value)"
            }
        }
        return Set(last.filter { !$0.key.hasPrefix("push_") }.map { "\($0.key) \($0.value)" })
    }

    @Test("a group is told again until it is replaced by PUT, in part by POST, or deleted")
    func groups() async throws {
        let bed = TestBed()
        let groups = PushedGroupsBoard()
        try await bed.withHTTP(groups: groups) { (server: HTTPListener) async throws -> Void in
            func send(_ method: NIOHTTP1.HTTPMethod, _ text: String = "") async throws -> Int {
                let path = "/metrics/job/j/zone/z"
                return try await server.send(method, path, Array(text.utf8)).status
            }
            #expect(try await send(.PUT, "a{x=\"1\"} 1\na{x=\"2\"} 2\nb 3\n") == 200)
            #expect(try await send(.POST, "a{x=\"2\"} 5\n") == 200)
            let labels = #"job="j", "#
            #expect(
                last(bed) == [
                    "a{\(labels)x=\"1\", zone=\"z\"} end", "a{\(labels)x=\"2\", zone=\"z\"} 5.0",
                    "b{\(labels)zone=\"z\"} 3.0",
                ])
            bed.store.clear()
            await PushedGroupsLoop.tell(groups, bed.ingest)
            #expect(
                last(bed) == [
                    "a{\(labels)x=\"2\", zone=\"z\"} 5.0", "b{\(labels)zone=\"z\"} 3.0",
                ])
            #expect(try await send(.PUT, "c 7\n") == 200)
            #expect(
                last(bed) == [
                    "a{\(labels)x=\"2\", zone=\"z\"} end", "b{\(labels)zone=\"z\"} end",
                    "c{\(labels)zone=\"z\"} 7.0",
                ])
            #expect(try await send(.POST, "c x\n") == 400)
            #expect(try await send(.DELETE) == 202)
            bed.store.clear()
            await PushedGroupsLoop.tell(groups, bed.ingest)
            #expect(last(bed) == [])
            #expect(try await send(.DELETE) == 202)
            #expect(bed.store.appendCount == 0)
        }
    }

    @Test(
        "a push that is none is 400 and stores nothing",
        arguments: [
            ("/metrics/job/a", "a 1\na{job=\"b\"} 2\n"), ("/metrics/job/a", "a 1\na 2\n"),
            ("/metrics/job/a", "a 1 5\n"), ("/metrics/job/a", "a x\n"), ("/metrics/a/b", "a 1\n"),
            ("/metrics/job", "a 1\n"), ("/metrics/job/a/b", "a 1\n"),
            ("/metrics/job@base64/%25", "a 1\n"), ("/metrics/job@base64/=", "a 1\n"),
        ])
    func badPush(path: String, text: String) async throws {
        let bed = TestBed()
        let answer = try await post(bed, path, text)
        #expect(answer.status == 400)
        #expect(bed.store.appendCount == 0)
    }
}
