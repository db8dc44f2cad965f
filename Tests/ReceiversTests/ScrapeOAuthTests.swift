import HTTPServer
import Platform
import Receivers
import Synchronization
import Telemetry
import Testing

@Suite("Tokens for targets")
struct ScrapeOAuthTests {
    /// Requests for tokens, and what a target was shown.
    private final class Seen: Sendable {
        let tokens = Mutex<[String]>([])
        let shown = Mutex<[String]>([])
        let refuses = Mutex(false)
    }

    private func withServer(
        _ body: (HTTPListener, Seen) async throws -> Void
    ) async throws {
        let seen = Seen()
        var router = Router()
        router.on(.post, "/token") { request in
            let count = seen.tokens.withLock { tokens in
                tokens.append(
                    (request.headers["authorization"] ?? "") + " "
                        + String(decoding: request.body, as: UTF8.self))
                return tokens.count
            }
            if seen.refuses.withLock({ $0 }) { return .text("no", status: 401) }
            return .json(Array(#"{"access_token":"t\#(count)","expires_in":3600}"#.utf8))
        }
        router.on(.get, "/metrics") { request in
            let shown =
                (request.headers["authorization"] ?? "") + (request.headers["x-scope"] ?? "")
            let count = seen.shown.withLock { list in
                list.append(shown)
                return list.count
            }
            // The third time the token no longer holds.
            if count == 3 { return .text("no", status: 401) }
            return HTTPResponse(
                status: 200, contentType: "text/plain; version=0.0.4", body: Array("a 1\n".utf8))
        }
        let bed = TestBed()
        let listener = try await HTTPListener.open(
            HTTPListener.Configuration(
                address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen"),
            routes: router.compiled(), events: bed.events)
        let result: Result<Void, any Error>
        do { result = .success(try await body(listener, seen)) } catch { result = .failure(error) }
        await listener.shutdown(within: .seconds(1))
        try result.get()
    }

    @Test("a token is asked for once, and again when a target no longer takes it")
    func tokens() async throws {
        try await withServer { listener, seen in
            let file = try ScrapeFile.parse(
                """
                scrape_configs:
                - job_name: j
                  scrape_interval: 10m
                  scrape_timeout: 9m
                  http_headers: {X-Scope: {values: [/a]}}
                  oauth2:
                    client_id: me
                    client_secret: "s e"
                    scopes: [read, more]
                    token_url: http://127.0.0.1:\(listener.address.port)/token
                    endpoint_params: {audience: x y}
                  static_configs: [{targets: ["127.0.0.1:\(listener.address.port)"]}]
                """, path: "s.yml")
            let job = file.jobs[0]
            #expect(!job.yaml.contains("s e"))
            guard case .fixed(let groups) = job.sources[0] else { return }
            var problems: [String] = []
            let target = try #require(
                ScrapeTarget.targets(of: groups, job: job, problems: &problems).first)
            let fetcher = HTTPScrapeFetcher(version: "1", listTimeout: 300_000)
            for round in 1...4 {
                do throws(ScrapeFailure) {
                    _ = try await fetcher.fetch(target, for: job)
                    #expect(round != 3)
                } catch {
                    #expect(round == 3, "\(error)")
                }
            }
            #expect(
                seen.shown.withLock { $0 } == [
                    "Bearer t1/a", "Bearer t1/a", "Bearer t1/a", "Bearer t2/a",
                ])
            // "me:s%20e" in base64.
            #expect(
                seen.tokens.withLock { $0 }.first
                    == "Basic bWU6cyUyMGU= grant_type=client_credentials&scope=read%20more"
                    + "&audience=x%20y")
            await fetcher.shutdown()
            seen.refuses.withLock { $0 = true }
            let other = HTTPScrapeFetcher(version: "1", listTimeout: 300_000)
            do throws(ScrapeFailure) {
                _ = try await other.fetch(target, for: job)
                Issue.record("a target was asked without a token")
            } catch {
                #expect(error.description.contains("/token returned HTTP status 401"))
            }
            await other.shutdown()
        }
    }

    @Test(
        "no_proxy names who is asked directly",
        arguments: [
            ("*", "a.b", 80, true), ("a.b", "a.b", 80, true), ("a.b", "x.A.b", 80, true),
            ("a.b", "xa.b", 80, false), (".a.b", "a.b", 80, false), (".a.b", "x.a.b", 80, true),
            ("*.a.b", "x.a.b", 1, true), ("a.b:8080", "a.b", 80, false),
            ("a.b:8080", "a.b", 8080, true), ("x, 10.0.0.0/8", "10.9.8.7", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false), ("10.1.2.3", "10.1.2.3", 80, true),
            ("10.1.2.3:81", "10.1.2.3", 80, false), ("fd00::/16", "fd00:1::2", 80, true),
            ("[fd00::1]:9", "fd00::1", 9, true), ("10.0.0.0/99", "10.0.0.0", 80, false),
            ("", "a", 80, false), ("localhost", "localhost", 80, true),
        ])
    func exceptions(text: String, host: String, port: Int, isDirect: Bool) {
        #expect(ScrapeProxyExceptions(text).holds(host: host, port: port) == isDirect)
    }
}
