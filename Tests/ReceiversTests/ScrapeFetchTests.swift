import Compression
import HTTPServer
import Platform
import Receivers
import Telemetry
import Testing
import WireFormats

@Suite("Asking targets by HTTP")
struct ScrapeFetchTests {
    /// What a target at a free port of this machine answers is fetched within the timeout (milliseconds).
    private func fetch(
        timeout: Int64 = 300_000, _ change: (inout ScrapeJob) -> Void = { _ in },
        from handler: @escaping HTTPHandler
    ) async throws -> ScrapeAnswer {
        let bed = TestBed()
        var router = Router()
        router.on(.get, "/metrics", handler)
        router.on(.get, "/moved") { _ in .redirect(to: "/metrics") }
        let listener = try await HTTPListener.open(
            HTTPListener.Configuration(
                address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen"),
            routes: router.compiled(), events: bed.events)
        let fetcher = HTTPScrapeFetcher(version: "1", listTimeout: 300_000)
        var job = ScrapeJob(name: "j", interval: 600_000, timeout: timeout)
        change(&job)
        job.sources = [.fixed([TargetGroup(targets: ["127.0.0.1:\(listener.address.port)"])])]
        var problems: [String] = []
        guard case .fixed(let groups) = job.sources[0],
            let target = ScrapeTarget.targets(of: groups, job: job, problems: &problems).first
        else { throw ScrapeFailure("no target") }
        let result: Result<ScrapeAnswer, any Error>
        do {
            result = .success(try await fetcher.fetch(target, for: job))
        } catch {
            result = .failure(error)
        }
        await fetcher.shutdown()
        await listener.shutdown(within: .seconds(1))
        return try result.get()
    }

    private static func plain(_ text: String) -> HTTPResponse {
        HTTPResponse(
            status: 200, contentType: "text/plain; version=0.0.4", body: Array(text.utf8))
    }

    @Test("the target is told what is understood, and how long it may take")
    func asks() async throws {
        let answer = try await fetch(
            { job in
                job.access.method = .header(type: "Bearer", credentials: .text("secret"))
                job.parameters = [(name: "q", values: ["a b"])]
            },
            from: { request in
                Self.plain(
                    [
                        request.headers["accept"], request.headers["accept-encoding"],
                        request.headers["x-prometheus-scrape-timeout-seconds"],
                        request.headers["authorization"], request.parameters["q"],
                    ].map { $0 ?? "-" }.joined(separator: "\n"))
            })
        let lines = String(decoding: answer.body, as: UTF8.self).split(separator: "\n")
        #expect(lines[0].hasPrefix("application/openmetrics-text;version=1.0.0"))
        #expect(lines[0].hasSuffix("*/*;q=0.1"))
        #expect(lines.dropFirst() == ["gzip", "300.0", "Bearer secret", "a b"])
    }

    @Test("a gzip body is expanded; one beyond the limit is cut where the limit is")
    func gzip() async throws {
        let text = (0..<10_000).map { "metric_\($0) \($0)\n" }.joined()
        let body = try Zlib.compress(Array(text.utf8), format: .gzip)
        let handler: HTTPHandler = { _ in
            Self.answer(body, ["content-type": "text/plain", "content-encoding": "gzip"])
        }
        let whole = try await fetch(from: handler)
        #expect(whole.body == Array(text.utf8))
        #expect(!whole.isTruncated)
        let cut = try await fetch({ $0.limits.bodyBytes = 1_000 }, from: handler)
        #expect(cut.body == Array(text.utf8.prefix(1_000)))
        #expect(cut.isTruncated)
    }

    private static func answer(_ body: [UInt8], _ headers: Headers) -> HTTPResponse {
        HTTPResponse(status: 200, headers: headers, body: body)
    }

    @Test("a target that never stops sending is cut off at the limit")
    func endless() async throws {
        let answer = try await fetch(
            { $0.limits.bodyBytes = 100_000 },
            from: { _ in
                .stream(contentType: "text/plain") { writer in
                    let part = [UInt8](repeating: UInt8(ascii: "a"), count: 64 << 10)
                    // Ends by the error of writing to a connection that was closed.
                    while !Task.isCancelled { try await writer.write(part) }
                }
            })
        #expect(answer.isTruncated)
        #expect(answer.body.count == 100_000)
    }

    @Test("a target that hangs fails after the timeout")
    func hanging() async throws {
        let failure = await #expect(throws: ScrapeFailure.self) {
            try await fetch(timeout: 200) { _ in
                try await Task.sleep(for: .seconds(600))
                return .text("late")
            }
        }
        #expect(failure?.description == "no whole answer within 200 ms")
    }

    @Test("other statuses, unknown types and unasked encodings fail with their reason")
    func refusals() async throws {
        let cases: [(HTTPResponse, String)] = [
            (.text("no", status: 503), "503"),
            (.json(Array("{}".utf8)), "application/json"),
            (Self.answer([1, 2], ["content-type": "text/plain", "content-encoding": "br"]), "br"),
            (
                Self.answer([1, 2], ["content-type": "text/plain", "content-encoding": "gzip"]),
                "gzip"
            ),
        ]
        for (response, word) in cases {
            let failure = await #expect(throws: ScrapeFailure.self) {
                try await fetch { _ in response }
            }
            #expect(failure?.description.contains(word) ?? false, "\(failure?.description ?? "")")
        }
        let fallback = try await fetch({ $0.fallback = .text0 }) { _ in
            .json(Array("a 1\n".utf8))
        }
        #expect(fallback.format == .text)
    }

    @Test("redirects are followed unless the job says not to")
    func redirects() async throws {
        let answer = try await fetch({ $0.metricsPath = "/moved" }) { _ in Self.plain("a 1\n") }
        #expect(answer.body == Array("a 1\n".utf8))
        await #expect(throws: ScrapeFailure.self) {
            try await fetch({
                $0.metricsPath = "/moved"
                $0.followsRedirects = false
            }) { _ in Self.plain("a 1\n") }
        }
    }
}
