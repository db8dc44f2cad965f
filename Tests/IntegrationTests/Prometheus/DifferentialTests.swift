import Compression
import Foundation
import Testing
import WireFormats

/// The same series are written to the real program and to Prometheus 2.42 by remote write; thousands of
/// random expressions must have equal answers.
@Suite(
    .serialized,
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .enabled(
        if: PrometheusProcess.binary != nil,
        "SIDELIGHT_PROMETHEUS names no Prometheus (Debian: prometheus)"))
struct DifferentialTests {
    /// Expressions; each is asked at an instant and over a range.
    private static let queryCount =
        ProcessInfo.processInfo.environment["SIDELIGHT_COMPARED_QUERIES"].flatMap { Int($0) }
        ?? 2_000
    private static let seed: UInt64 = 42

    @Test("random expressions have the answers that Prometheus 2.42 gives")
    func answers() async throws {
        let folder = try TemporaryFolder()
        let theirs = try await PrometheusProcess(folder: folder)
        let ours = try await ServerProcess(
            data: folder.path + "/data", ["--retention", "100y"])
        let body = Snappy.compress(RemoteWrite.encode(ComparisonSeries(seed: Self.seed).batch))
        for url in [ours.url, theirs.url] {
            let answer = try await Wire.post(
                url + "/api/v1/write", type: "application/x-protobuf", encoding: "snappy", body)
            try #require((200..<300).contains(answer.status), "\(url): \(answer.text)")
        }
        let differences = try await withThrowingTaskGroup(of: Tally.self) { group in
            let workers = 4
            for worker in 0..<workers {
                group.addTask { [oursURL = ours.url, theirsURL = theirs.url] in
                    var tally = Tally()
                    for number in stride(from: worker, to: Self.queryCount, by: workers) {
                        try await Self.compare(number, oursURL, theirsURL, &tally)
                    }
                    return tally
                }
            }
            return try await group.reduce(into: Tally()) { $0.add($1) }
        }
        await theirs.stop()
        #expect(await ours.stop() == 0, "\(ours.standardError)")
        for difference in differences.found.sorted().prefix(20) { Issue.record("\(difference)") }
        #expect(differences.found.isEmpty, "\(differences.found.count) answers differ")
        // Most must have something to compare.
        #expect(
            differences.answered * 10 > differences.asked * 6, "\(differences.answered) answered")
        print("compared \(differences.asked) answers, \(differences.answered) of them not empty")
    }

    private struct Tally {
        var asked = 0
        /// Answers that are no errors and not empty.
        var answered = 0
        var found: [String] = []

        mutating func add(_ other: Tally) {
            asked += other.asked
            answered += other.answered
            found += other.found
        }
    }

    private static func compare(
        _ number: Int, _ ours: String, _ theirs: String, _ tally: inout Tally
    ) async throws {
        var grammar = ComparisonGrammar(seed: seed &* 1_000_003 &+ UInt64(number))
        let query = grammar.query()
        let start = ComparisonSeries.start + Int64(300 + grammar.random.below(2_400)) * 1_000
        let span = Int64(60 + grammar.random.below(900)) * 1_000
        let step = [7, 15, 30, 61, 300][grammar.random.below(5)]
        let forms = [
            ("query", "time=\(seconds(start))"),
            (
                "query_range",
                "start=\(seconds(start))&end=\(seconds(start + span))&step=\(step)"
            ),
        ]
        for (route, times) in forms {
            let left = try await ask(ours, route, query.ours, times)
            let right = try await ask(theirs, route, query.theirs, times)
            tally.asked += 1
            if left.status == 200, !left.series.isEmpty { tally.answered += 1 }
            if let difference = left.difference(from: right) {
                tally.found.append(
                    "number \(number): \(route) \(query.ours) \(times): \(difference)")
            }
        }
    }

    private static func seconds(_ milliseconds: Int64) -> String {
        "\(milliseconds / 1_000).\(ComparisonSeries.queryFraction)"
    }

    private static func ask(
        _ url: String, _ route: String, _ query: String, _ times: String
    ) async throws -> ComparedAnswer {
        let escaped =
            query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let answer = try await Wire.post(
            "\(url)/api/v1/\(route)", type: "application/x-www-form-urlencoded",
            Array("query=\(escaped)&\(times)".utf8))
        return try ComparedAnswer(answer)
    }
}
