import Foundation
import Testing

/// Targets that hang, stream garbage or never end, scraped by the real program beside one that is well.
@Suite(
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct HostileTargetTests {
    private struct Target: Decodable {
        var scrapePool: String
        var health: String
        var lastError: String
    }

    private struct Targets: Decodable {
        struct Content: Decodable { var activeTargets: [Target] }
        var data: Content
    }

    private struct Case {
        var job: String
        var answer: HostileTarget.Answer
        var health: String
        /// What its error says.
        var reason: String
    }

    private static let long = String(repeating: "x", count: 1 << 20)
    private static let gibibyte = 1 << 30

    private static let cases = [
        Case(job: "good", answer: .text("good 1\n"), health: "up", reason: ""),
        Case(job: "hangs", answer: .nothing, health: "down", reason: "no whole answer within"),
        Case(
            job: "garbage", answer: .text("\u{1}\u{2}garbage\u{0}\n"), health: "down",
            reason: "line 1 at byte 0 is malformed"),
        Case(
            job: "no-http", answer: .bytes(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8)), health: "down",
            reason: "the answer is no HTTP"),
        Case(
            job: "garbage-without-end",
            answer: .repeated(String(repeating: "x", count: 1 << 16), bytes: gibibyte),
            health: "down", reason: "exceeds its limit before its first sample ends"),
        Case(
            job: "gibibyte",
            answer: .repeated(
                String(repeating: "kept 1\n", count: 1) + String(repeating: "#\n", count: 1 << 15),
                bytes: gibibyte), health: "up", reason: "only its beginning was kept"),
        Case(
            job: "label-twice", answer: .text("ok 1\ntwice{a=\"1\",a=\"2\"} 1\n"), health: "down",
            reason: "a label stands twice"),
        Case(
            job: "too-long", answer: .text("ok 1\nlong{a=\"\(long)\"} 1\n"), health: "up",
            reason: "label_too_long"),
        Case(
            job: "too-old", answer: .text("ok 1\nold 1 1000\n"), health: "up",
            reason: "before_retention"),
        Case(
            job: "far-ahead", answer: .text("ok 1\nahead 1 32503680000000\n"), health: "up",
            reason: "too_far_in_future"),
        Case(
            job: "out-of-order", answer: .text("ok{z=\"1\",a=\"2\",empty=\"\"} 1\n"), health: "up",
            reason: ""),
    ]

    private func targets(_ url: String) async throws -> [String: Target] {
        let answer = try await Wire.get(url + "/api/v1/targets")
        let targets = try JSONDecoder().decode(Targets.self, from: Data(answer.bytes))
        return Dictionary(
            targets.data.activeTargets.map { ($0.scrapePool, $0) }, uniquingKeysWith: { $1 })
    }

    @Test("are down with a reason or cut where their limit is, and disturb no other")
    func hostile() async throws {
        let folder = try TemporaryFolder()
        var opened: [HostileTarget] = []
        var file = "global: {scrape_interval: 3s, scrape_timeout: 3s}\nscrape_configs:\n"
        for one in Self.cases {
            let target = try await HostileTarget(one.answer)
            opened.append(target)
            file += """
                - job_name: \(one.job)
                  body_size_limit: 4MB
                  static_configs: [{targets: ["127.0.0.1:\(target.port)"]}]

                """
        }
        let server = try await ServerProcess(
            data: folder.path + "/data",
            ["--scrape-config", try folder.file("prometheus.yml", file)])
        let deadline = ContinuousClock.now + .seconds(300)
        var found: [String: Target] = [:]
        // Until each is as it should be: a slow machine may miss the timeout a few times.
        repeat {
            try await Task.sleep(for: .milliseconds(200))
            found = try await targets(server.url)
        } while !Self.cases.allSatisfy { isAsExpected($0, found[$0.job]) }
            && ContinuousClock.now < deadline
        for one in Self.cases {
            let target = found[one.job]
            #expect(
                isAsExpected(one, target),
                "\(one.job): \(target?.health ?? "-") \((target?.lastError ?? "-").prefix(300))")
        }
        let query = "count%20by%20(__name__)%20(%7B__name__%3D~%22good%7Ckept%22%7D)"
        let good = try await Wire.get(server.url + "/api/v1/query?query=" + query).text
        #expect(good.contains("\"good\"") && good.contains("\"kept\""), "\(good)")
        #expect(await server.stop() == 0, "\(server.standardError.suffix(2_000))")
        for target in opened { try await target.close() }
    }

    private func isAsExpected(_ one: Case, _ target: Target?) -> Bool {
        guard let target, target.health == one.health else { return false }
        return one.reason.isEmpty
            ? target.lastError.isEmpty : target.lastError.contains(one.reason)
    }
}
