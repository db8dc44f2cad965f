import Foundation
import Receivers
import Testing

@Suite("Targets behind TLS and proxies")
struct ScrapeTLSTests {
    /// The text of a target's answer.
    private func ask(
        _ fetcher: HTTPScrapeFetcher, _ address: String, _ yaml: String, folder: String = ""
    ) async throws -> String {
        let file = try ScrapeFile.parse(
            "scrape_configs:\n- job_name: a\n  static_configs: [{targets: ['\(address)']}]\n"
                + yaml.split(separator: "\n").map { "  \($0)\n" }.joined(), path: folder + "p.yml")
        let job = try #require(file.jobs.first)
        guard case .fixed(let groups) = job.sources.first else {
            throw ScrapeFailure("no fixed targets")
        }
        var problems: [String] = []
        let target = try #require(
            ScrapeTarget.targets(of: groups, job: job, problems: &problems).first)
        let answer = try await fetcher.fetch(target, for: job)
        return String(decoding: answer.body, as: UTF8.self)
    }

    private func withFetcher(_ body: (HTTPScrapeFetcher) async throws -> Void) async throws {
        let fetcher = HTTPScrapeFetcher(version: "1", listTimeout: 300_000)
        let result: Result<Void, any Error>
        do { result = .success(try await body(fetcher)) } catch { result = .failure(error) }
        await fetcher.shutdown()
        try result.get()
    }

    /// A folder with the tests' certificates.
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/tls-\(UUID().uuidString)/"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        for (name, text) in [
            ("ca.pem", TestCertificates.authority), ("cert.pem", TestCertificates.certificate),
            ("key.pem", TestCertificates.key),
        ] {
            try text.write(toFile: folder + name, atomically: true, encoding: .utf8)
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body(folder)) } catch { result = .failure(error) }
        try FileManager.default.removeItem(atPath: folder)
        try result.get()
    }

    private static let named = "scheme: https\ntls_config: {ca_file: ca.pem, server_name: shop.test"

    @Test("a target is trusted by its authority and the name it must have, and asked as itself")
    func trusted() async throws {
        try await withFolder { folder in
            try await EchoTarget.with(tls: try EchoTarget.server()) { port in
                try await withFetcher { fetcher in
                    let text = try await ask(
                        fetcher, "127.0.0.1:\(port)", Self.named + "}", folder: folder)
                    #expect(text == "asked{host=\"127.0.0.1:\(port)\",uri=\"/metrics\"} 1\n")
                    // Nobody knows its authority, or it names somebody else.
                    await #expect(throws: ScrapeFailure.self) {
                        try await ask(fetcher, "127.0.0.1:\(port)", "scheme: https")
                    }
                    await #expect(throws: ScrapeFailure.self) {
                        try await ask(
                            fetcher, "127.0.0.1:\(port)",
                            "scheme: https\ntls_config: {ca_file: ca.pem, server_name: other.test}",
                            folder: folder)
                    }
                    let unchecked = try await ask(
                        fetcher, "127.0.0.1:\(port)",
                        "scheme: https\ntls_config: {insecure_skip_verify: true}")
                    #expect(unchecked == text)
                }
            }
        }
    }

    @Test("who asks for a certificate gets ours, and a renewed one as soon as it is written")
    func mutual() async throws {
        try await withFolder { folder in
            let server = try EchoTarget.server(asksForCertificate: true)
            try await EchoTarget.with(tls: server) { port in
                try await withFetcher { fetcher in
                    let ours = Self.named + ", cert_file: cert.pem, key_file: key.pem}"
                    await #expect(throws: ScrapeFailure.self) {
                        try await ask(
                            fetcher, "127.0.0.1:\(port)", Self.named + "}", folder: folder)
                    }
                    try "damaged".write(
                        toFile: folder + "cert.pem", atomically: true, encoding: .utf8)
                    let failure = await #expect(throws: ScrapeFailure.self) {
                        try await ask(fetcher, "127.0.0.1:\(port)", ours, folder: folder)
                    }
                    #expect(failure?.description.hasPrefix("tls_config: ") ?? false)
                    try TestCertificates.certificate.write(
                        toFile: folder + "cert.pem", atomically: true, encoding: .utf8)
                    let text = try await ask(
                        fetcher, "127.0.0.1:\(port)", ours, folder: folder)
                    #expect(text.hasSuffix("uri=\"/metrics\"} 1\n"))
                }
            }
        }
    }

    @Test("a proxy is asked to connect to the target, with our name and password")
    func proxy() async throws {
        try await TunnelProxy.with { port in
            try await withFetcher { fetcher in
                let text = try await ask(
                    fetcher, "shop.test:9100", "proxy_url: http://us:secret@127.0.0.1:\(port)")
                let lines = text.split(separator: "\n").map(String.init)
                #expect(lines.first == "# CONNECT shop.test:9100 HTTP/1.1")
                #expect(lines.contains("# GET /metrics HTTP/1.1"))
                // us:secret in base 64.
                #expect(
                    lines.contains {
                        $0.lowercased() == "# proxy-authorization: basic dxm6c2vjcmv0"
                    })
            }
        }
    }

    @Test("keys and passwords are not shown")
    func secrets() throws {
        let file = try ScrapeFile.parse(
            "scrape_configs:\n- job_name: a\n  proxy_url: http://u:hidden@a:1\n"
                + "  tls_config: {cert: c, key: hidden}\n", path: "p.yml")
        #expect(file.jobs.first?.yaml.contains("hidden") == false)
        #expect(file.jobs.first?.access.proxy?.password == "hidden")
    }

    @Test("in a cluster its own API is asked with the token and the authority of the pod")
    func cluster() throws {
        #expect(PodSource.cluster([:]) == nil)
        let found = try #require(
            PodSource.cluster([
                "KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443",
            ]))
        #expect(found.api == "https://10.0.0.1:443")
        let folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
        #expect(
            found.access.method == .header(type: "Bearer", credentials: .file(folder + "token")))
        #expect(found.access.tls?.authority == .file(folder + "ca.crt"))
    }
}
