import Foundation
import Store
import Telemetry
import Testing

@Suite("statistics of queries")
struct PrometheusStatisticsTests {
    private struct Samples: Decodable, Equatable {
        var totalQueryableSamples: Int
        var samplesRead: Int
        var totalQueryableSamplesPerStep: [[Double]]?
        var samplesReadPerStep: [[Double]]?
    }

    private struct Stats: Decodable {
        var timings: [String: Double]
        var samples: Samples
    }

    private struct Envelope: Decodable {
        struct Content: Decodable { var stats: Stats? }
        var data: Content
        var warnings: [String]?
    }

    /// Samples 15 s apart, the last at `APIServer.now`.
    private func ask(_ path: String) async throws -> Envelope {
        try await APIServer.run(filledBy: { store in
            store.add(["__name__": "up", "job": "api"], 1, 1, 1, 1, 1, 1, 1, 1)
            store.add(["__name__": "up", "job": "web"], 1, 1, 1, 1, 1, 1, 1, 1)
        }) { server in
            try JSONDecoder().decode(
                Envelope.self, from: Data(try await server.get(path).body))
        }
    }

    @Test("nobody gets them who does not ask")
    func unasked() async throws {
        #expect(try await ask("/api/v1/query?query=up").data.stats == nil)
    }

    @Test("an instant selector counts its series, a range its samples")
    func instant() async throws {
        let selector = try await ask("/api/v1/query?query=up&stats=true")
        #expect(
            selector.data.stats?.samples == Samples(totalQueryableSamples: 2, samplesRead: 2))
        #expect(
            Set(selector.data.stats?.timings.keys.map { $0 } ?? []) == [
                "evalTotalTime", "resultSortTime", "queryPreparationTime", "innerEvalTime",
                "execQueueTime", "execTotalTime",
            ])
        #expect(selector.warnings == nil)
        let range = try await ask("/api/v1/query?query=sum(rate(up%5B1m%5D))&stats=1")
        #expect(range.data.stats?.samples.totalQueryableSamples == 8)
        #expect(range.warnings?.first?.contains("parameter \"stats\" is deprecated") == true)
        let matrix = try await ask("/api/v1/query?query=up%5B1m%5D&stats=true")
        #expect(matrix.data.stats?.samples.totalQueryableSamples == 8)
    }

    @Test("all shows every step; windows that overlap read only what is new")
    func steps() async throws {
        let now = Double(APIServer.now)
        let times = "start=\(APIServer.now - 30)&end=\(APIServer.now)&step=15&stats=all"
        let answer = try await ask("/api/v1/query_range?query=sum(rate(up%5B1m%5D))&\(times)")
        #expect(
            answer.data.stats?.samples
                == Samples(
                    totalQueryableSamples: 24, samplesRead: 12,
                    totalQueryableSamplesPerStep: [[now - 30, 8], [now - 15, 8], [now, 8]],
                    samplesReadPerStep: [[now - 30, 8], [now - 15, 2], [now, 2]]))
    }

    @Test("what is evaluated once counts at every step; a subquery is looked at through windows")
    func parts() async throws {
        let times = "start=\(APIServer.now - 30)&end=\(APIServer.now)&step=15&stats=all"
        let pinned = try await ask("/api/v1/query_range?query=sum(up%20@%20end())&\(times)")
        #expect(pinned.data.stats?.samples.totalQueryableSamples == 6)
        #expect(pinned.data.stats?.samples.samplesRead == 2)
        // Four inner steps of two series.
        let subquery = try await ask(
            "/api/v1/query?query=max_over_time(up%5B1m:15s%5D)&time=\(APIServer.now)&stats=true")
        #expect(subquery.data.stats?.samples.totalQueryableSamples == 8)
        #expect(subquery.data.stats?.samples.samplesRead == 8)
        let whole = try await ask(
            "/api/v1/query?query=up%5B1m:15s%5D&time=\(APIServer.now)&stats=true")
        #expect(whole.data.stats?.samples == Samples(totalQueryableSamples: 8, samplesRead: 8))
        // Windows of four points each, of which the second and the third read one more.
        let now = Double(APIServer.now)
        let sliding = try await ask(
            "/api/v1/query_range?query=sum(max_over_time(up%5B1m:15s%5D))&\(times)")
        #expect(
            sliding.data.stats?.samples
                == Samples(
                    totalQueryableSamples: 24, samplesRead: 12,
                    totalQueryableSamplesPerStep: [[now - 30, 8], [now - 15, 8], [now, 8]],
                    samplesReadPerStep: [[now - 30, 8], [now - 15, 2], [now, 2]]))
    }
}
