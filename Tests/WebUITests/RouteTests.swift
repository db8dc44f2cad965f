import HTTPServer
import Testing
import WebUI

@Suite("Addresses of the pages")
struct RouteTests {
    private let types = [
        "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    ]

    @Test("every page has an address that can be opened and reloaded")
    func pages() async throws {
        try await withServer(routes: { WebUI.register(on: &$0) }) { server in
            let root = try await server.get("/")
            #expect(root.status == 200)
            #expect(root.headers["content-type"] == "text/html; charset=utf-8")
            #expect(root.text.contains("<title>Sidelight</title>"))
            for path in [
                "/ui", "/ui/traces?service=a&tags=b%3Dc", "/ui/metrics", "/ui/logs", "/ui/alerts",
                "/ui/trace/00000000000000000000000000000001?span=1",
            ] {
                let page = try await server.get(path)
                #expect(page.status == 200 && page.body == root.body, "\(path)")
            }
        }
    }

    @Test("links of notifications, which are Prometheus's, lead to the pages")
    func links() async throws {
        try await withServer(routes: { WebUI.register(on: &$0) }) { server in
            for (link, page) in [
                ("/graph?g0.expr=errs%20%3E%205&g0.tab=1", "/ui/metrics?expr=errs%20%3E%205"),
                ("/graph", "/ui/metrics"), ("/alerts", "/ui/alerts"),
            ] {
                let answer = try await server.get(link)
                #expect(answer.status == 200 && answer.address == page, "\(link)")
            }
        }
    }

    @Test("what a page names is served with its type, and nothing is loaded from elsewhere")
    func files() async throws {
        try await withServer(routes: { WebUI.register(on: &$0) }) { server in
            var waiting = references(in: try await server.get("/").text)
            #expect(waiting.contains("/ui/app.js") && waiting.contains("/ui/style.css"))
            var seen: Set<String> = []
            while let path = waiting.popFirst() {
                guard path.contains("."), seen.insert(path).inserted else { continue }
                let file = try await server.get(path)
                #expect(file.status == 200, "\(path)")
                let type = path.split(separator: ".").last.flatMap { types[String($0)] }
                #expect(file.headers["content-type"] == type, "\(path)")
                #expect(!file.text.contains("innerHTML"), "\(path)")
                if path.hasSuffix(".js") { waiting.formUnion(imports(in: file.text)) }
            }
            #expect(seen.isSuperset(of: ["/ui/trace.js", "/ui/dom.js", "/ui/chart.js"]))
        }
    }

    @Test("every answer forbids what is not from this origin")
    func policy() async throws {
        try await withServer(routes: { WebUI.register(on: &$0) }) { server in
            for path in ["/", "/ui/app.js", "/ui/style.css"] {
                let headers = try await server.get(path).headers
                let policy = try #require(headers["content-security-policy"])
                #expect(
                    policy.contains("default-src 'none'") && policy.contains("script-src 'self'"))
                #expect(!policy.contains("unsafe") && !policy.contains("*"))
                #expect(headers["x-content-type-options"] == "nosniff")
                #expect(headers["cache-control"] == "no-cache")
            }
        }
    }

    @Test("an unchanged file is not sent again")
    func entityTags() async throws {
        try await withServer(routes: { WebUI.register(on: &$0) }) { server in
            let tag = try #require(try await server.get("/ui/app.js").headers["etag"])
            let other = try #require(try await server.get("/ui/dom.js").headers["etag"])
            #expect(tag != other && tag.hasPrefix("\"") && tag.hasSuffix("\""))
            for (sent, status) in [
                (tag, 304), ("W/" + tag, 304), ("\(other), \(tag)", 304), ("*", 304), (other, 200),
                ("\"", 200), ("", 200),
            ] {
                let answer = try await server.get("/ui/app.js", headers: ["if-none-match": sent])
                #expect(answer.status == status, "\(sent)")
                #expect(answer.headers["etag"] == tag)
                #expect(answer.body.isEmpty == (status == 304))
            }
        }
    }

    @Test("what is not there is 404, and pages are read only")
    func elsewhere() async throws {
        try await withServer(routes: { WebUI.register(on: &$0) }) { server in
            for path in ["/ui/none", "/ui/app.js.map", "/ui/../app.js", "/ui/trace", "/app.js"] {
                let status = try await server.get(path).status
                #expect(status == 404, "\(path)")
            }
            let head = try await server.get(
                "/ui/app.js", method: "HEAD", headers: ["accept-encoding": "identity"]
            ).status
            let post = try await server.get("/ui/app.js", method: "POST").status
            #expect(head == 200 && post == 405)
        }
    }

    @Test("pages open without the token, which they ask for themselves")
    func tokens() async throws {
        let tokens = TokenSet(["a-secret-of-some-length"])
        try await withServer(tokens: tokens) { router in
            WebUI.register(on: &router)
            router.on(.get, "/api/data") { _ in .text("data") }
        } _: { server in
            for (path, expected) in [
                ("/ui/traces", 200), ("/ui/app.js", 200), ("/api/data", 401),
            ] {
                let status = try await server.get(path).status
                #expect(status == expected, "\(path)")
            }
        }
    }

    /// Addresses in `src` and `href` of the document; one elsewhere fails the test.
    private func references(in html: String) -> Set<String> {
        var found: Set<String> = []
        for marker in ["src=\"", "href=\""] {
            for rest in html.split(separator: marker).dropFirst() {
                let address = String(rest.prefix { $0 != "\"" })
                if address.hasPrefix("#") { continue }
                #expect(address.hasPrefix("/ui/"), "\(address)")
                found.insert(address)
            }
        }
        return found
    }

    private func imports(in script: String) -> [String] {
        script.split(separator: "\n").filter { $0.hasPrefix("import ") }.compactMap { line in
            line.split(separator: "'./").dropFirst().first.map { "/ui/" + $0.prefix { $0 != "'" } }
        }
    }
}
